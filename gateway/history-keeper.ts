/**
 * Notices that the hive's database went back to an earlier state (a backup, a standby that was behind), and lets nodes
 * notice it. After this hive has acknowledged something, it writes a marker and tells its nodes. Transactions become
 * part of a database in one order, so a state of the database that contains a marker contains everything that was
 * acknowledged before it.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import { tellAllAgain } from '../prisma/queries/feed/tell-all-again.js';
import { freeAllBackfills } from '../prisma/queries/pending-backfills.js';
import { deleteOldMarkers, writeMarker, type Acknowledgement } from '../prisma/queries/write-marker.js';
import { databaseWentBack } from './metrics.js';
import { WENT_BACK, type AcknowledgingSocket } from './node-socket.js';
import { RepeatedErrors } from './repeated-errors.js';

const INTERVAL_MS = 10_000;
/** A marker is written at least this often, so that {@link KEPT_DAYS} never removes the one that this hive compares. */
const LONGEST_PAUSE_MS = 60 * 60_000;
const KEPT_DAYS = 30;

export interface HistoryKeeperDeps {
  database: Database;
  logger: Logger;
  instanceId: string;
  /** Every socket of this process. */
  sockets: () => { close(reason: string): void }[];
  /** @default 10000 */
  intervalMs?: number;
}

/** The newest acknowledged revision of each attempt since the node's last marker. */
type Acknowledged = Map<string, bigint>;

export class HistoryKeeper {
  readonly #deps: HistoryKeeperDeps;
  readonly #repeated = new RepeatedErrors();
  /** The nodes that get the next marker. */
  #pending = new Map<AcknowledgingSocket, Acknowledged>();
  #previous: string | null = null;
  /** When it was written, by performance.now. */
  #previousAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(deps: HistoryKeeperDeps) {
    this.#deps = deps;
  }

  start(): void {
    void this.#tick();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /**
   * Notes a node that has logged in: it gets the next marker even if nothing is acknowledged, because the older ones
   * that it holds are removed from the database some day.
   */
  loggedIn(socket: AcknowledgingSocket): void {
    if (!this.#pending.has(socket)) this.#pending.set(socket, new Map());
  }

  /** Notes what a node has been told. */
  acknowledged(socket: AcknowledgingSocket, attemptId: string, revision: bigint): void {
    this.loggedIn(socket);
    this.#pending.get(socket)?.set(attemptId, revision);
  }

  /** Forgets a socket that has closed. What its node was told without a marker, the node announces again. */
  closed(socket: object): void {
    this.#pending.delete(socket as AcknowledgingSocket);
  }

  async #tick(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      if (this.#repeated.isNew(error))
        this.#deps.logger.warn({ err: error }, 'what this hive has acknowledged could not be marked; trying again');
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#tick(), this.#deps.intervalMs ?? INTERVAL_MS);
  }

  async #write(): Promise<void> {
    const { database, instanceId } = this.#deps;
    const marked = this.#pending;
    const isDue = this.#previous === null || performance.now() - this.#previousAt > LONGEST_PAUSE_MS;
    const id = marked.size > 0 || isDue ? randomUUID() : null;
    // Before it is written, because it must not cover what is acknowledged meanwhile. A node that holds a marker which
    // was never written only announces more than it needs to.
    if (id !== null) for (const socket of marked.keys()) socket.sendMarker(id);
    this.#pending = new Map();
    try {
      const { hasPrevious, lostNodes } = await writeMarker(database, {
        id,
        instanceId,
        previous: this.#previous,
        acknowledged: acknowledgementsOf(marked),
        sessions: [...marked.keys()].map(({ session }) => session),
      });
      if (!hasPrevious) await this.#wentBack();
      else if (lostNodes.length > 0) await this.#lost(new Set(lostNodes), marked);
      else if (id !== null) this.#previous = id;
    } catch (error) {
      this.#restore(marked);
      throw error;
    }
    if (id === null) return;
    this.#previousAt = performance.now();
    if (isDue) await deleteOldMarkers(database, KEPT_DAYS);
  }

  async #wentBack(): Promise<void> {
    await this.#repair(); // first: if it fails, the next tick notices again
    databaseWentBack.inc();
    this.#deps.logger.error(
      { marker: this.#previous },
      'the database no longer contains what this hive has written: it went back to an earlier state. ' +
        'All nodes log in again and announce what is missing',
    );
    this.#previous = null;
    for (const socket of this.#deps.sockets()) socket.close(WENT_BACK);
  }

  async #lost(nodeIds: Set<string>, marked: Map<AcknowledgingSocket, Acknowledged>): Promise<void> {
    const open = new Set<object>(this.#deps.sockets()); // one that has closed meanwhile has given its lease back
    const lost = [...marked.keys()].filter((socket) => nodeIds.has(socket.session.nodeId));
    const nodes = lost.filter((socket) => open.has(socket));
    if (nodes.length > 0) await this.#repair();
    for (const socket of lost) marked.delete(socket);
    this.#restore(marked);
    if (nodes.length === 0) return;
    databaseWentBack.inc();
    this.#deps.logger.error(
      { nodes: nodes.map(({ session }) => session.nodeId) },
      'the database does not contain what these nodes were told: it went back to an earlier state. ' +
        'They log in again and announce what is missing',
    );
    for (const socket of nodes) socket.close(WENT_BACK);
  }

  async #repair(): Promise<void> {
    await freeAllBackfills(this.#deps.database);
    await tellAllAgain(this.#deps.database);
  }

  #restore(marked: Map<AcknowledgingSocket, Acknowledged>): void {
    for (const [socket, acknowledged] of this.#pending) {
      marked.set(socket, new Map([...(marked.get(socket) ?? []), ...acknowledged]));
    }
    this.#pending = marked;
  }
}

function acknowledgementsOf(marked: Map<AcknowledgingSocket, Acknowledged>): Acknowledgement[] {
  return [...marked].flatMap(([{ session }, acknowledged]) =>
    [...acknowledged].map(([attemptId, revision]) => ({
      nodeId: session.nodeId,
      apiKeyId: session.apiKeyId,
      attemptId,
      revision,
    })),
  );
}
