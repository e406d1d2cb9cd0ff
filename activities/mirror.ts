import type { NodeConnection } from '../api/gateway/interface.js';
import type { Database } from '../prisma/client.js';

/** One step of mirroring an attempt from the node that a connection leads to. */
export interface Mirror {
  attemptId: string;
  connection: NodeConnection;
  database: Database;
  signal: AbortSignal;
  /** When the step ends, ms since the epoch. */
  until: number;
  /** Counts up as lines are stored. */
  pulled: { lines: number };
}
