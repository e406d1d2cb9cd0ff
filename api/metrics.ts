/** Every metric of a hive process, defined once. Labels are codes and routes; never an id, so that no organisation shows. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export const registry = new Registry();
collectDefaultMetrics({ register: registry });

const registers = [registry];

export const backfillRequests = new Counter({
  name: 'backfill_requests_total',
  help: 'Backfills asked for, by what asked: read, reconnect, schedule or manual.',
  labelNames: ['trigger'],
  registers,
});

export const backfillSuccesses = new Counter({
  name: 'backfill_success_total',
  help: 'Backfills that ended with a complete attempt.',
  registers,
});

export const backfillFailures = new Counter({
  name: 'backfill_failures_total',
  help: 'Backfills that ended otherwise, by reason.',
  labelNames: ['reason'],
  registers,
});

export const backfillsPending = new Gauge({
  name: 'backfill_pending_count',
  help: 'Attempts in the state pending_backfill.',
  registers,
});

export const backfillLatency = new Histogram({
  name: 'backfill_latency_seconds',
  help: 'From the request of a backfill to its end.',
  buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
  registers,
});

export const linesStored = new Counter({
  name: 'log_lines_stored_total',
  help: 'Log lines that this process stored.',
  registers,
});

export const pagesRejected = new Counter({
  name: 'log_pages_rejected_total',
  help: 'Log pages that were not stored, by reason.',
  labelNames: ['reason'],
  registers,
});

export const frameFaults = new Counter({
  name: 'node_frame_faults_total',
  help: 'Frames of nodes that break the protocol.',
  registers,
});

export const nodesConnected = new Gauge({
  name: 'nodes_connected',
  help: 'Nodes whose sockets this process holds.',
  registers,
});

export const httpDuration = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'From a request to the end of its answer; streams are left out.',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
  registers,
});

export const logStreams = new Gauge({
  name: 'log_streams_open',
  help: 'Readers that follow a log as server-sent events.',
  registers,
});

export const logStreamsCutOff = new Counter({
  name: 'log_streams_cut_off_total',
  help: 'Log streams whose reader took nothing for too long.',
  registers,
});
