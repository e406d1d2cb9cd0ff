/** How ingest acts on the socket whose frames it stores. */
import type { Logger } from 'pino';
import type { NodeSocket, SocketEvents } from './node-socket.js';
import type { SocketGuard } from './socket-guard.js';

/** What ingest tells the socket whose frames it stores. */
export interface IngestEvents {
  /** Too much is queued, so the socket should not be read (high), or there is room again. */
  pressure(high: boolean): void;
  /** `change`: attempts need a backfill. `announced`: the node has told the hive about everything it has. */
  backfillNeeded(reason: 'announced' | 'change'): void;
  /** The session is not the node's current one any more. */
  superseded(): void;
  /** Storing failed for a reason that is neither the frame's fault nor temporary, so the connection is useless. */
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
    superseded: () => events.sessionLost(socket),
    failed: (error) => {
      logger.error({ err: error, nodeId: socket.session.nodeId }, 'what the node sent could not be stored');
      socket.close('internal error');
    },
  };
}
