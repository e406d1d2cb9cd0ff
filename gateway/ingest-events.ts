import type { Logger } from 'pino';
import type { NodeSocket, SocketEvents } from './node-socket.js';
import type { SocketGuard } from './socket-guard.js';

/** What ingest tells the socket that it works for. */
export interface IngestEvents {
  /** What is queued has crossed a bound: stop reading the socket, or go on. */
  pressure(high: boolean): void;
  /** Attempts need a backfill, or (announced) the node has said everything that it has. */
  backfillNeeded(reason: 'announced' | 'change'): void;
  superseded(): void;
  /** Storing failed for a reason that is neither the frame's nor temporary: the connection is useless. */
  failed(error: unknown): void;
}

export function ingestEventsFor(
  socket: NodeSocket,
  guard: SocketGuard,
  { logger, events }: { logger: Logger; events: SocketEvents },
): IngestEvents {
  return {
    pressure: (high) => (high ? guard.pause('pressure') : guard.resume('pressure')),
    backfillNeeded: (reason) => events.backfillNeeded(socket, reason),
    superseded: () => socket.close('superseded by a newer connection of this node'),
    failed: (error) => {
      logger.error({ err: error, nodeId: socket.session.nodeId }, 'what the node sent could not be stored');
      socket.close('internal error');
    },
  };
}
