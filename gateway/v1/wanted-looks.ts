/** Passes on to the nodes of this process what readers at any hive want to know about their attempts. */
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import { listWantedLooks } from '../../prisma/queries/v1/looks.js';
import { RepeatedErrors } from '../repeated-errors.js';

/** How often the database is asked, as long as there are version 1 nodes. */
const INTERVAL_MS = 1000;
/** More wishes are found in the next interval. */
const LISTED_AT_ONCE = 1000;

interface Looking {
  look(attemptId: string): void;
}

export class WantedLooks {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #nodes = new Map<string, Looking>();
  readonly #repeated = new RepeatedErrors();
  #timer: NodeJS.Timeout | undefined;
  #isPassing = false;

  constructor(database: Database, logger: Logger, intervalMs = INTERVAL_MS) {
    this.#database = database;
    this.#logger = logger;
    this.#intervalMs = intervalMs;
  }

  /** From now on, the node's watch is told what is wanted. */
  add(nodeId: string, watch: Looking): void {
    this.#nodes.set(nodeId, watch);
    this.#schedule();
  }

  /** Does nothing if a newer session of the node has been added. */
  remove(nodeId: string, watch: Looking): void {
    if (this.#nodes.get(nodeId) === watch) this.#nodes.delete(nodeId);
    if (this.#nodes.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    if (this.#timer || this.#isPassing || this.#nodes.size === 0) return;
    this.#timer = setTimeout(() => void this.#pass(), this.#intervalMs);
  }

  async #pass(): Promise<void> {
    this.#timer = undefined;
    this.#isPassing = true;
    try {
      const looks = await listWantedLooks(this.#database, [...this.#nodes.keys()], LISTED_AT_ONCE);
      for (const { nodeId, attemptId } of looks) this.#nodes.get(nodeId)?.look(attemptId);
    } catch (error) {
      if (this.#repeated.isNew(error))
        this.#logger.warn({ err: error }, 'what readers want to know of nodes could not be read; trying again');
    }
    this.#isPassing = false;
    this.#schedule();
  }
}
