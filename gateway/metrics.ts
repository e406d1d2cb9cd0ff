/**
 * Metrics of nodes and of what they send. A label is a code, never an id, so that metrics reveal
 * nothing about organisations.
 */
import { Counter, Gauge } from 'prom-client';

export const nodesConnected = new Gauge({
  name: 'nodes_connected',
  help: 'Nodes connected to this process.',
});

export const frameFaults = new Counter({
  name: 'node_frame_faults_total',
  help: 'Frames from nodes that broke the protocol.',
});

export const requestsOutstanding = new Gauge({
  name: 'backfill_requests_outstanding',
  help: 'Requests that the version 1 nodes of this process have not answered yet, by kind: backfill, ask, or earlier if an earlier connection sent it.',
  labelNames: ['kind'],
});

export const framesNotServed = new Counter({
  name: 'node_frames_not_served_total',
  help: 'Frames of version 1 nodes that this hive knows and leaves unanswered, by type.',
  labelNames: ['type'],
});

export const databaseWentBack = new Counter({
  name: 'database_went_back_total',
  help: 'Times that this process found the database in an earlier state than before.',
});

export const linesStored = new Counter({
  name: 'log_lines_stored_total',
  help: 'Log lines stored by this process.',
});

export const pagesRejected = new Counter({
  name: 'log_pages_rejected_total',
  help: 'Log pages and batches from nodes that were not stored, by reason.',
  labelNames: ['reason'],
});
