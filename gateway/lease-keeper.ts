/** Renews the leases of this process's sockets, and closes the sockets that have lost theirs. */
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import { findLostSessions } from '../prisma/queries/lost-sessions.js';
import { renewLeases, type Heartbeat } from '../prisma/queries/renew-leases.js';
import { LINKS_CHANGED, WENT_BACK, type NodeSocket } from './node-socket.js';
import { RepeatedErrors } from './repeated-errors.js';

/** As long as a node may be silent before its socket is closed. */
export const LEASE_SECONDS = 90;
/** How often the heartbeats that came are written as renewals, and some leases are checked for loss. */
const INTERVAL_MS = 500;
/**
 * The maximum number of leases checked in one interval: with thousands of sockets, each is checked every few seconds.
 */
const LOOKED_AT_ONCE = 1000;

const CLOSE_REASONS = {
  superseded: 'superseded by a newer connection of this node',
  revoked: 'API key revoked',
  blocked: 'API key blocked',
  forgotten: WENT_BACK,
  stale: LINKS_CHANGED,
};

export class LeaseKeeper {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #sockets: () => NodeSocket[];
  readonly #heartbeats = new Map<string, Heartbeat>();
  readonly #repeated = new RepeatedErrors();
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** Index of the first socket to check in the next interval. */
  #turn = 0;

  constructor(database: Database, logger: Logger, sockets: () => NodeSocket[]) {
    this.#database = database;
    this.#logger = logger;
    this.#sockets = sockets;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#ticking = this.#tick();
    }, INTERVAL_MS);
  }

  /** Resolves when nothing is being renewed any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#ticking;
  }

  /** Notes a node's heartbeat, which is written together with the others of the interval. */
  heartbeat({ session }: NodeSocket, status: string): void {
    this.#heartbeats.set(session.nodeId, { nodeId: session.nodeId, fence: session.fence, status });
  }

  async #tick(): Promise<void> {
    for (const work of [() => this.#renew(), () => this.#endLost()]) {
      try {
        await work();
      } catch (error) {
        if (this.#repeated.isNew(error))
          this.#logger.warn({ err: error }, 'leases could not be renewed or checked; trying again');
      }
    }
    if (!this.#isStopped) this.start();
  }

  async #renew(): Promise<void> {
    const heartbeats = [...this.#heartbeats.values()];
    if (heartbeats.length === 0) return;
    this.#heartbeats.clear();
    try {
      await renewLeases(this.#database, heartbeats, LEASE_SECONDS);
    } catch (error) {
      for (const beat of heartbeats) if (!this.#heartbeats.has(beat.nodeId)) this.#heartbeats.set(beat.nodeId, beat);
      throw error;
    }
  }

  async #endLost(): Promise<void> {
    const all = this.#sockets();
    if (this.#turn >= all.length) this.#turn = 0;
    const looked = all.slice(this.#turn, this.#turn + LOOKED_AT_ONCE);
    if (looked.length === 0) return;
    const sockets = new Map(looked.map((socket) => [socket.session.fence, socket]));
    const lost = await findLostSessions(
      this.#database,
      looked.map(({ session }) => session),
    );
    this.#turn += LOOKED_AT_ONCE;
    for (const { fence, reason } of lost) sockets.get(fence)?.close(CLOSE_REASONS[reason]);
  }

  /** Closes a socket whose session is no longer the node's current one, and tells the node why. */
  async close(socket: NodeSocket): Promise<void> {
    const lost = await findLostSessions(this.#database, [socket.session]).catch((error: unknown) => {
      this.#logger.warn({ err: error, nodeId: socket.session.nodeId }, 'why a session was lost could not be found out');
      return [];
    });
    socket.close(CLOSE_REASONS[lost[0]?.reason ?? 'superseded']);
  }
}
