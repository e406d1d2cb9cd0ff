/** The socket of a node that has logged in, whatever its protocol version, as the gateway keeps it. */
import type { NodeSession } from '../prisma/session.js';
import type { NodeConnection } from './interface.js';

/** One login of a node. */
export interface LoginSession extends NodeSession {
  sessionId: string;
  apiKeyId: string;
}

export type NodeSocket = NodeConnection & {
  readonly session: LoginSession;
  /** Answers the login. What the node sends is read once this has resolved. */
  welcome(): Promise<void>;
  /** Tells the node why, and closes. */
  close(reason: string): void;
};

/** What a socket tells its gateway. */
export interface SocketEvents {
  heartbeat(socket: NodeSocket, status: string): void;
  /** Attempts of the node need a backfill, or (announced) the node has said everything that it has. */
  backfillNeeded(socket: NodeSocket, reason: 'announced' | 'change'): void;
  /** The socket is closed, and nothing that came over it is still being stored. */
  closed(socket: NodeSocket): void;
}
