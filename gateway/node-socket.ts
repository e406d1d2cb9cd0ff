/** The socket of a node that has logged in, as the gateway sees it. Both protocol versions implement it. */
import type { NodeSession } from '../prisma/session.js';
import type { NodeConnection } from './interface.js';

/** One login of a node. */
export interface LoginSession extends NodeSession {
  sessionId: string;
  apiKeyId: string;
}

export type NodeSocket = NodeConnection & {
  readonly session: LoginSession;
  /** Tells the node that its login succeeded. The gateway reads nothing from the node until this resolves. */
  welcome(): Promise<void>;
  /** Tells the node why, and closes the socket. */
  close(reason: string): void;
};

/** What a socket tells its gateway. */
export interface SocketEvents {
  heartbeat(socket: NodeSocket, status: string): void;
  /**
   * `change`: attempts of the node need a backfill. `announced`: the node has told the hive about everything it has.
   */
  backfillNeeded(socket: NodeSocket, reason: 'announced' | 'change'): void;
  /** The socket is closed, and everything that came over it has been stored or dropped. */
  closed(socket: NodeSocket): void;
}
