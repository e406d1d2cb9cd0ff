/**
 * Has nodes delete what an admin has deleted here. The database says what is left to tell, so it does not matter which
 * hive was asked to delete, which has the socket, or when the node comes back.
 */
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import { listToForget, markForgotten, type ToForget } from '../prisma/queries/deleted-attempts.js';
import { NodeRequestError, type NodeConnection } from './interface.js';
import { RepeatedErrors } from './repeated-errors.js';

const INTERVAL_MS = 1000;
/** Attempts that are told at the same time, of one node and of all nodes of this process. */
const [AT_ONCE_A_NODE, AT_ONCE] = [4, 64];
/** A node that did not delete it is told again after this time. */
const AGAIN_MS = 60_000;

export interface DeletionTellerDeps {
  database: Database;
  logger: Logger;
  /** The task queue of this process, by which leases name it. */
  queue: string;
  connectionTo: (nodeId: string) => NodeConnection | undefined;
  /** @default 60000 */
  againMs?: number;
}

export class DeletionTeller {
  readonly #deps: DeletionTellerDeps;
  readonly #repeated = new RepeatedErrors();
  readonly #stopping = new AbortController();
  /** What each node is being told. */
  readonly #telling = new Map<string, Set<Promise<void>>>();
  /** When attempts that were tried in vain, or are being tried, may be tried again, by performance.now. */
  readonly #again = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> = Promise.resolve();

  constructor(deps: DeletionTellerDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#ticking = this.#tick();
    }, INTERVAL_MS);
  }

  /** Resolves when nobody is being told any more. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopping.abort();
    await this.#ticking;
    await Promise.all([...this.#telling.values()].flatMap((ofNode) => [...ofNode]));
  }

  async #tick(): Promise<void> {
    try {
      await this.#tell();
    } catch (error) {
      if (this.#repeated.isNew(error)) {
        this.#deps.logger.warn({ err: error }, 'nodes could not be told what was deleted; trying again');
      }
    }
    if (!this.#stopping.signal.aborted) this.start();
  }

  async #tell(): Promise<void> {
    const { database, queue } = this.#deps;
    const now = performance.now();
    for (const [attemptId, at] of this.#again) if (at <= now) this.#again.delete(attemptId);
    const nodes = [...this.#telling].filter(([, { size }]) => size >= AT_ONCE_A_NODE).map(([nodeId]) => nodeId);
    const except = { nodes, attempts: [...this.#again.keys()] };
    for (const item of await listToForget(database, queue, except, AT_ONCE)) this.#begin(item);
  }

  /** A node that does not answer holds up no other. */
  #begin(item: ToForget): void {
    const ofNode = this.#telling.get(item.nodeId) ?? new Set();
    const total = [...this.#telling.values()].reduce((sum, { size }) => sum + size, 0);
    if (this.#stopping.signal.aborted || ofNode.size >= AT_ONCE_A_NODE || total >= AT_ONCE) return;
    this.#telling.set(item.nodeId, ofNode);
    const telling = this.#tellOne(item)
      .catch((error: unknown) => {
        this.#deps.logger.warn({ err: error, ...item }, 'that a node has deleted an attempt could not be stored');
      })
      .finally(() => {
        ofNode.delete(telling);
        if (ofNode.size === 0) this.#telling.delete(item.nodeId);
      });
    ofNode.add(telling);
  }

  async #tellOne({ attemptId, nodeId }: ToForget): Promise<void> {
    const { database, logger, connectionTo, againMs = AGAIN_MS } = this.#deps;
    const connection = connectionTo(nodeId);
    if (connection?.protocol !== 2) return; // it has just gone: its next hive tells it
    this.#again.set(attemptId, performance.now() + againMs);
    try {
      await connection.forgetAttempt(attemptId, this.#stopping.signal);
      await markForgotten(database, attemptId);
      this.#again.delete(attemptId);
      logger.info({ attemptId, nodeId }, 'the node has deleted the attempt');
    } catch (error) {
      if (!(error instanceof NodeRequestError)) throw error;
      if (error.code === 'disconnected' || error.code === 'cancelled') this.#again.delete(attemptId);
      else
        logger.warn({ attemptId, nodeId, code: error.code }, 'the node has not deleted the attempt; it is told again');
    }
  }
}
