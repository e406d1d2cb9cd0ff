/** Absorbs a spool while its recorder appends to it. */
import { codeOf, isBusy, isDamage, NodeAgentError } from '../errors.js';
import { findExecution, markDropped } from '../store/executions.js';
import { isForgotten } from '../store/forget.js';
import type { Store } from '../store/open.js';
import { FloodWatch } from './flood-watch.js';
import { SpoolAbsorber } from './spool-absorber.js';
import { spoolBytes } from './spool-files.js';

/** The longest that output waits for its transaction. */
const BATCH_MS = 100;
const RETRY_MS = 500;
/** While another process writes: the shortest delay until the next try, and how much longer it may be. */
const BUSY_RETRY_MS = [5, 20] as const;
const REPLACED_MS = 1000;
/** A disk that damages one store after the other is no place for a store. */
const MAX_SET_ASIDE = 3;
/** What is absorbed at the end while the recorder waits; more is left to a process of its own. */
export const REST_BYTES = 1024 * 1024;

/** `left`: the spool is whole, and whoever opens the store next goes on. */
export type AbsorbOutcome = 'ended' | 'left' | AbsorbStop;
/** `forgotten`: the attempt was deleted at the hive, and so in the store. */
export type AbsorbStop = 'sealed' | 'replaced' | 'forgotten';

export interface AbsorbEvents {
  /** How much of the spool is not in the store; also called when nothing changed for a while. */
  stored: (backlogBytes: number) => void;
  /** @param code why the store can't be written at the moment; undefined once it can */
  trouble: (code: string | undefined, isBusy: boolean) => void;
  /** Says one sentence to the person at the terminal. */
  warn: (sentence: string) => void;
  /** The execution can't be absorbed any more. */
  over: (outcome: AbsorbStop) => void;
}

export interface Absorbing {
  /** Something was appended to the spool. */
  more(): void;
  /**
   * The spool has its end. Absorbs the rest, unless there is too much of it, or the store can't be written for
   * `waitMs`.
   */
  finish(waitMs: number): Promise<AbsorbOutcome>;
  /** Stops after the part that it is at. @returns `left`, if it was not over before */
  stop(): Promise<AbsorbOutcome>;
}

export class AbsorbLoop implements Absorbing {
  readonly #open: () => Store;
  readonly #executionId: string;
  readonly #events: AbsorbEvents;
  #store: Store | undefined;
  #absorber: SpoolAbsorber | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = 0;
  #lookedAt = performance.now();
  #flood: FloodWatch;
  #troubleCode: string | undefined;
  /** The store is another one than before: nothing of the spool is in it. */
  #isAnotherStore = false;
  #timesSetAside = 0;
  #finish: { until: number; resolve: (outcome: AbsorbOutcome) => void } | undefined;
  #outcome: AbsorbOutcome | undefined;

  /** @param runningMs for how long the output has been coming */
  constructor(open: () => Store, executionId: string, events: AbsorbEvents, runningMs = 0) {
    this.#flood = new FloodWatch({ runningMs });
    this.#open = open;
    this.#executionId = executionId;
    this.#events = events;
  }

  more(): void {
    if (this.#outcome === undefined) this.#schedule(BATCH_MS);
  }

  finish(waitMs: number): Promise<AbsorbOutcome> {
    if (this.#outcome !== undefined) return Promise.resolve(this.#outcome);
    return new Promise((resolve) => {
      this.#finish = { until: performance.now() + waitMs, resolve };
      this.#step();
    });
  }

  stop(): Promise<AbsorbOutcome> {
    if (this.#outcome === undefined) this.#end('left');
    return Promise.resolve(this.#outcome ?? 'left');
  }

  /** Absorbs a part now, and sees to the next one. */
  #step(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#outcome !== undefined) return;
    try {
      const absorber = this.#opened();
      if (!absorber) return;
      const waiting = absorber.backlog();
      if (this.#finish && waiting > REST_BYTES) {
        this.#end('left');
        return;
      }
      if (!this.#finish && this.#flood.isFlood(absorber.taken, waiting)) {
        this.#events.stored(waiting);
        this.#schedule(BATCH_MS);
        return;
      }
      const hasMore = absorber.step(!this.#finish);
      this.#setTrouble(undefined, false);
      this.#events.stored(absorber.backlog());
      if (absorber.isOver) this.#end('ended');
      else if (hasMore) this.#schedule(0);
      else if (this.#finish)
        this.#end('left'); // its end is not in the spool
      else {
        const dueIn = absorber.partialDueIn();
        if (dueIn !== undefined) this.#schedule(dueIn + 1);
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @returns undefined if there is nothing to absorb any more: the store and the spool were replaced, or the attempt was deleted */
  #opened(): SpoolAbsorber | undefined {
    this.#store ??= this.#open();
    if (this.#finish || performance.now() - this.#lookedAt >= REPLACED_MS) {
      this.#lookedAt = performance.now();
      if (this.#store.isReplaced() && !this.#goOnInNextStore(this.#store)) {
        this.#end('replaced');
        return undefined;
      }
    }
    this.#store ??= this.#open();
    if (isForgotten(this.#store, this.#executionId)) {
      this.#end('forgotten');
      return undefined;
    }
    return (this.#absorber ??= new SpoolAbsorber(this.#store, this.#executionId, this.#isAnotherStore));
  }

  /** @returns whether the spool is still there */
  #goOnInNextStore(store: Store): boolean {
    if (spoolBytes(store.dataDir, this.#executionId) === 0) return false;
    this.#leaveStore();
    this.#events.warn(
      `the store in ${store.dataDir} was deleted or replaced; what is kept of the command's output goes into the new one`,
    );
    return true;
  }

  #leaveStore(): void {
    this.#absorber?.close();
    this.#store?.close();
    [this.#absorber, this.#store, this.#isAnotherStore] = [undefined, undefined, true];
    this.#flood = new FloodWatch();
  }

  /** @returns whether another store has taken the place of this one */
  #setAside(error: unknown): boolean {
    if (!this.#store || ++this.#timesSetAside > MAX_SET_ASIDE) return false;
    try {
      this.#store.setAside(error, (sentence) => this.#events.warn(sentence));
    } catch {
      return false; // the damage is told as what keeps the store from being written
    }
    this.#leaveStore();
    return true;
  }

  #failed(error: unknown): void {
    if (error instanceof NodeAgentError && error.code === 'forgotten') {
      this.#end('forgotten');
      return;
    }
    if (error instanceof NodeAgentError && error.code === 'sealed') {
      this.#markMissing();
      this.#end('sealed');
      return;
    }
    if (isDamage(error) && this.#setAside(error)) {
      this.#schedule(0);
      return;
    }
    const busy = isBusy(error);
    this.#setTrouble(codeOf(error), busy);
    const isForGood = error instanceof NodeAgentError && error.code === 'native_module';
    if (this.#finish && (isForGood || performance.now() >= this.#finish.until)) this.#end('left');
    else this.#schedule(busy ? busyRetryMs() : RETRY_MS);
  }

  /** Another process has ended the execution: what it does not have will stay missing. */
  #markMissing(): void {
    const store = this.#store;
    try {
      store?.write(() => {
        const row = findExecution(store, this.#executionId);
        if (row) markDropped(store, row.key, row.attempt_key);
      });
    } catch (error) {
      this.#setTrouble(codeOf(error), isBusy(error));
    }
  }

  #setTrouble(code: string | undefined, busy: boolean): void {
    if (code === this.#troubleCode) return;
    this.#troubleCode = code;
    this.#events.trouble(code, busy);
  }

  #end(outcome: AbsorbOutcome): void {
    this.#outcome = outcome;
    clearTimeout(this.#timer);
    this.#absorber?.close();
    this.#store?.close();
    if (this.#finish) this.#finish.resolve(outcome);
    else if (outcome !== 'ended' && outcome !== 'left') this.#events.over(outcome);
  }

  #schedule(delayMs: number): void {
    // a wait for an unfinished line must not hold up what has come since
    if (this.#timer !== undefined) {
      if (delayMs >= this.#delayMs) return;
      clearTimeout(this.#timer);
    }
    this.#delayMs = delayMs;
    this.#timer = setTimeout(() => this.#step(), delayMs);
  }
}

/** Random, so that recorders that wait for the same store do not all try at once. */
function busyRetryMs(): number {
  const [least, spread] = BUSY_RETRY_MS;
  return least + Math.random() * spread;
}
