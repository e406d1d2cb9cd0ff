/** Metrics of the HTTP API. A label is a code or a route, never an id, so that no organisation can be recognised. */
import { collectDefaultMetrics, Counter, Gauge, Histogram } from 'prom-client';

/** Each folder registers its metrics in prom-client's default registry, which /metrics reads. */
export { register } from 'prom-client';

collectDefaultMetrics();

export const backfillsPending = new Gauge({
  name: 'backfill_pending_count',
  help: 'Attempts in the state pending_backfill.',
});

export const httpDuration = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time from a request to the end of its response. Streams are left out.',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
});

export const logStreams = new Gauge({
  name: 'log_streams_open',
  help: 'Readers that follow a log or the feed as server-sent events.',
});

export const logStreamsCutOff = new Counter({
  name: 'log_streams_cut_off_total',
  help: 'Log streams cut off because their reader took nothing for too long.',
});

export const searchesRunning = new Gauge({
  name: 'searches_running',
  help: 'Searches that are being answered.',
});

export const searchIndexBacklog = new Gauge({
  name: 'search_index_backlog_executions',
  help: 'Executions that have ended and whose pages wait to be indexed for search.',
});

export const searchedPages = new Counter({
  name: 'searched_pages_total',
  help: 'Log pages handed to the threads that search.',
});
