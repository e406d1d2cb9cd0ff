/** What is counted of nodes and of what they send. A label is a code, never an id, so that no organisation shows. */
import { Counter, Gauge } from 'prom-client';

export const nodesConnected = new Gauge({
  name: 'nodes_connected',
  help: 'Nodes whose sockets this process holds.',
});

export const frameFaults = new Counter({
  name: 'node_frame_faults_total',
  help: 'Frames of nodes that break the protocol.',
});

export const linesStored = new Counter({
  name: 'log_lines_stored_total',
  help: 'Log lines that this process stored.',
});

export const pagesRejected = new Counter({
  name: 'log_pages_rejected_total',
  help: 'Log pages that were not stored, by reason.',
  labelNames: ['reason'],
});
