/** The socket of a node that has logged in, as the gateway sees it. Both protocol versions implement it. */
import type { NodeSession } from '../prisma/session.js';
import type { NodeConnection } from './interface.js';

/** Tells a node why its socket is closed. It then logs in again, and so learns what is missing. */
export const WENT_BACK = 'the database of the hive went back to an earlier state; log in again';

/** Tells a version 1 node why its socket is closed: its login tells it what is linked. */
export const LINKS_CHANGED = 'what is linked has changed; log in again';

/** One login of a node. */
export interface LoginSession extends NodeSession {
  sessionId: string;
  apiKeyId: string;
  /**
   * Those of the node's markers that the database contains; undefined if the node does not know about markers, nor about
   * `sync_refused`.
   */
  knownMarkers?: string[] | undefined;
  /** Frames that not every node knows, and this one does. */
  knownFrames?: string[] | undefined;
}

export type NodeSocket = NodeConnection & {
  readonly session: LoginSession;
  /** Tells the node that its login succeeded. The gateway reads nothing from the node until this resolves. */
  welcome(): Promise<void>;
  /** Tells the node why, and closes the socket. */
  close(reason: string): void;
};

/** The socket of a node that gets acknowledgements (protocol version 2). */
export interface AcknowledgingSocket {
  readonly session: LoginSession;
  /** Tells the node that everything it has been told so far is older than this marker. */
  sendMarker(markerId: string): void;
  close(reason: string): void;
}

/** What a socket tells its gateway. */
export interface SocketEvents {
  heartbeat(socket: NodeSocket, status: string): void;
  /**
   * `change`: attempts of the node need a backfill. `announced`: the node has told the hive about everything it has.
   */
  backfillNeeded(socket: NodeSocket, reason: 'announced' | 'change'): void;
  /** The node has logged in, and gets the next marker. */
  loggedIn(socket: AcknowledgingSocket): void;
  /** The node has been told that the hive has this revision of an attempt. */
  acknowledged(socket: AcknowledgingSocket, attemptId: string, revision: bigint): void;
  /** A write was refused because the session is not the node's current one. The socket must be closed. */
  sessionLost(socket: NodeSocket): void;
  /** The socket is closed, and everything that came over it has been stored or dropped. */
  closed(socket: NodeSocket): void;
}
