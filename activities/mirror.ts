import type { NodeConnection, PagedConnection } from '../gateway/interface.js';
import type { Database } from '../prisma/database.js';
import type { CheckPage } from '../protocol/page.js';

/** One step of mirroring an attempt from the node that a connection leads to. */
export interface Mirror<Connection extends NodeConnection = PagedConnection> {
  attemptId: string;
  connection: Connection;
  database: Database;
  checkPage: CheckPage;
  signal: AbortSignal;
  /** When the step ends, ms since the epoch. */
  until: number;
  /** Counts up as lines are stored. */
  pulled: { lines: number };
}

/** How far a step has come. */
export interface Mirrored {
  /** False: another step has to follow. */
  finished: boolean;
  /** What the node says of the attempt was new to the hive. */
  changed: boolean;
  /** The node takes no more requests now: nothing was done. */
  isBusy?: boolean;
}
