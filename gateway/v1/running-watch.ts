/**
 * Decides when a version 1 node is asked which executions its attempts have. It never says by itself that one has
 * ended, and what it announced on a socket that died it never repeats. What the answers bring is stored as any metadata.
 *
 * One ask is out at a time. What is due meanwhile joins the next one.
 */
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import type { AttemptCursor } from '../../prisma/queries/list-needing-backfill.js';
import { listAttemptsOf, listAttemptsThatRun } from '../../prisma/queries/v1/attempts-to-ask.js';
import { noteLooks } from '../../prisma/queries/v1/looks.js';
import { SupersededError } from '../../prisma/session.js';
import { NodeRequestError } from '../interface.js';
import { RepeatedErrors } from '../repeated-errors.js';
import { MAX_ASKED_ATTEMPTS } from './requests.js';
import type { SweepPace } from './sweep-pace.js';

/** When the watch asks. All in ms. */
export interface WatchBounds {
  /** The attempts that run are listed this often... */
  roundMs: number;
  /** ...and those are asked about that have not been for this long. The sum is the longest that an end stays unnoticed. */
  freshMs: number;
  /** An attempt whose lines stopped coming is asked about after this time. */
  quietMs: number;
  /** The pause after each ask of the sweep over all attempts. */
  sweepMs: number;
  /** The pause after a failure. */
  retryMs: number;
}

export const WATCH_BOUNDS: Readonly<WatchBounds> = {
  roundMs: 30_000,
  freshMs: 15_000,
  quietMs: 5_000,
  sweepMs: 1_000,
  retryMs: 2_000,
};

export interface RunningWatchDeps {
  database: Database;
  nodeId: string;
  logger: Logger;
  /** Asks about at most {@link MAX_ASKED_ATTEMPTS} attempts. Resolves when the answer is stored. */
  ask(attemptIds: string[], signal: AbortSignal): Promise<unknown>;
  /** Shared by all sockets of the process. */
  sweepPace: SweepPace;
  bounds?: Partial<WatchBounds>;
}

/** Attempts that run are listed in parts of this size. */
const LISTED_AT_ONCE = 1000;
/** More attempts whose lines stopped coming are not remembered: the next round finds them. */
const MAX_QUIET = 10_000;
/** Of the whole process: in an outage, the watches of all nodes meet the same error. */
const repeated = new RepeatedErrors();

export class RunningWatch {
  readonly #deps: RunningWatchDeps;
  readonly #bounds: WatchBounds;
  readonly #stopping = new AbortController();
  /** Attempts that are asked about next. */
  readonly #due = new Set<string>();
  /** Attempts that a reader waits for; they come before the others. */
  readonly #looks = new Set<string>();
  /** Attempts whose lines came, and when they count as having stopped, by `performance.now()`. */
  readonly #quietAt = new Map<string, number>();
  /** When the node has answered about an attempt lately. */
  readonly #askedAt = new Map<string, number>();
  #nextRoundAt = 0;
  /** Where the listing of the round goes on; undefined between rounds. */
  #roundAfter: string | undefined;
  /** Where the sweep goes on. */
  #sweep: { after: AttemptCursor | undefined; at: number; isDone: boolean } = {
    after: undefined,
    at: 0,
    isDone: false,
  };
  /** The first ask is sent even if it is about nothing: its answer frees what the node owed from before. */
  #hasAsked = false;
  #wake: () => void = () => undefined;

  constructor(deps: RunningWatchDeps) {
    this.#deps = deps;
    this.#bounds = { ...WATCH_BOUNDS, ...deps.bounds };
  }

  /** Asks at once about what runs, then goes on until {@link stop}. */
  start(): void {
    this.#sweep.at = this.#nextSweepAt();
    void this.#run();
  }

  stop(): void {
    this.#stopping.abort();
    this.#wake();
  }

  /** Lines of an attempt came whose execution has not ended, as far as the hive knows. */
  linesCame(attemptId: string): void {
    if (this.#quietAt.size >= MAX_QUIET && !this.#quietAt.has(attemptId)) return;
    const isFirst = this.#quietAt.size === 0;
    this.#quietAt.set(attemptId, performance.now() + this.#bounds.quietMs);
    if (isFirst) this.#wake();
  }

  /** A reader wants to know whether the attempt's executions have ended. */
  look(attemptId: string): void {
    this.#looks.add(attemptId);
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped()) {
      try {
        await this.#findDue();
        if (this.#isDue || !this.#hasAsked) await this.#ask();
        else await this.#rest(Math.max(0, this.#nextAt - performance.now()));
      } catch (error) {
        // a superseded session's socket is closed by whoever looks after the leases
        if (this.#isStopped() || error instanceof SupersededError) return;
        this.#log(error);
        await this.#rest(this.#bounds.retryMs, true);
      }
    }
  }

  /** A method, because the compiler does not see that it changes meanwhile. */
  #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  get #isDue(): boolean {
    return this.#due.size > 0 || this.#looks.size > 0;
  }

  /** When something is due next, as far as one can tell. */
  get #nextAt(): number {
    const sweepAt = this.#sweep.isDone ? Infinity : this.#sweep.at;
    return Math.min(this.#nextRoundAt, sweepAt, ...this.#quietAt.values());
  }

  async #findDue(): Promise<void> {
    const now = performance.now();
    for (const [attemptId, at] of this.#quietAt) {
      if (at > now) continue;
      this.#quietAt.delete(attemptId);
      this.#due.add(attemptId);
    }
    if (this.#due.size >= MAX_ASKED_ATTEMPTS) return;
    if (this.#roundAfter !== undefined || this.#nextRoundAt <= now) await this.#findRunning();
    if (this.#hasAsked && !this.#isDue && !this.#sweep.isDone && this.#sweep.at <= now) await this.#findNextOfSweep();
  }

  async #findRunning(): Promise<void> {
    const { database, nodeId } = this.#deps;
    const now = performance.now();
    const listed = await listAttemptsThatRun(database, nodeId, this.#roundAfter, LISTED_AT_ONCE);
    if (this.#roundAfter === undefined) this.#nextRoundAt = now + this.#bounds.roundMs;
    this.#roundAfter = listed.length === LISTED_AT_ONCE ? listed.at(-1) : undefined;
    for (const [attemptId, at] of this.#askedAt) {
      if (at + this.#bounds.freshMs <= now) this.#askedAt.delete(attemptId);
    }
    for (const attemptId of listed) if (!this.#askedAt.has(attemptId)) this.#due.add(attemptId);
  }

  /** The sweep over all attempts, newest first: an announcement may have been lost with an earlier socket. */
  async #findNextOfSweep(): Promise<void> {
    const { database, nodeId } = this.#deps;
    const listed = await listAttemptsOf(database, nodeId, this.#sweep.after, MAX_ASKED_ATTEMPTS);
    this.#sweep = { after: listed.at(-1), at: this.#nextSweepAt(), isDone: listed.length < MAX_ASKED_ATTEMPTS };
    for (const { attemptId } of listed) if (!this.#askedAt.has(attemptId)) this.#due.add(attemptId);
  }

  #nextSweepAt(): number {
    return performance.now() + Math.max(this.#bounds.sweepMs, this.#deps.sweepPace.takeTurn());
  }

  async #ask(): Promise<void> {
    const asked = [...new Set([...this.#looks, ...this.#due])].slice(0, MAX_ASKED_ATTEMPTS);
    await this.#deps.ask(asked, this.#stopping.signal);
    this.#hasAsked = true;
    const now = performance.now();
    for (const attemptId of asked) {
      this.#askedAt.set(attemptId, now);
      this.#due.delete(attemptId);
    }
    const looks = asked.filter((attemptId) => this.#looks.has(attemptId));
    if (looks.length === 0) return;
    await noteLooks(this.#deps.database, this.#deps.nodeId, looks);
    for (const attemptId of looks) this.#looks.delete(attemptId);
  }

  /** @param isLong whether it lasts even if something is due meanwhile */
  async #rest(ms: number, isLong = false): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, this.#bounds.roundMs));
      this.#wake = () => {
        if (isLong && !this.#isStopped()) return;
        clearTimeout(timer);
        resolve();
      };
      if (this.#isStopped()) this.#wake();
    });
    this.#wake = () => undefined;
  }

  #log(error: unknown): void {
    const { logger, nodeId } = this.#deps;
    // what the node owes is reported elsewhere, and a node that is gone is asked at its next login
    if (error instanceof NodeRequestError && (error.code === 'busy' || error.code === 'disconnected')) return;
    if (repeated.isNew(error))
      logger.warn({ err: error, nodeId }, 'a node could not be asked what has ended; trying again');
  }
}
