import type { MirrorPosition } from '../backfills/definitions.js';
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
  /** How long a step describes, and then how long it pulls. @format ms */
  stepMs: number;
  /** Counts lines as they are stored. */
  pulled: { lines: number };
}

/** What a step achieved. */
export interface Mirrored {
  /** Whether nothing is left to pull; otherwise another step has to follow. */
  finished: boolean;
  /** Whether the node's description of the attempt was new to the hive. */
  changed: boolean;
  /** The node accepts no more requests at the moment; nothing was done. */
  isBusy?: boolean;
  /** `isBusy` because the node has to answer earlier requests first. */
  owesAnswers?: boolean;
  /** It stored nothing: neither lines nor a part of the description. */
  isIdle?: boolean;
  /** Why lines that the node has are still missing although the step finished: readings did not match its description. */
  failure?: string;
  /** Where the next step goes on. */
  position?: MirrorPosition;
}
