import type { NodeSession } from '../prisma/session.js';
import type { NodeConnection } from './interface.js';

/** An authenticated node's socket, of whatever protocol version, as the gateway keeps it. */
export type GatewaySocket = NodeConnection & {
  readonly session: NodeSession & { sessionId: string; apiKeyId: string };
  /** Tells the node why, and closes. */
  close(reason: string): void;
};

export interface SocketEvents {
  heartbeat(socket: GatewaySocket, status: string): void;
  backfillNeeded(socket: GatewaySocket, reason: 'announced' | 'change'): void;
  /** The socket is closed and nothing of it is being stored any more. */
  closed(socket: GatewaySocket): void;
}
