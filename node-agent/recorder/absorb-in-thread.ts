/** Absorbs a spool in a thread of its own, so that neither the command nor its recorder waits for pages to be made. */
import { Worker } from 'node:worker_threads';
import type { Absorbing, AbsorbEvents, AbsorbOutcome, AbsorbStop } from './absorb-loop.js';
import { ABSORB_THREAD, SEMI_SPACE_MIB } from './absorb-entries.js';

export interface ThreadData {
  dataDir: string;
  executionId: string;
  /** For how long the output has been coming. */
  runningMs: number;
}

export type ToThread = 'more' | 'stop';

export type FromThread =
  | { backlogBytes: number }
  | { trouble: { code: string | undefined; isBusy: boolean } }
  | { over: AbsorbStop }
  | { warn: string }
  | { stopped: AbsorbOutcome };

export class AbsorbThread implements Absorbing {
  readonly #worker: Worker;
  readonly #events: AbsorbEvents;
  readonly #takeOver: () => Absorbing;
  /** The thread waits for output, so that it has to be told of it. */
  #isIdle = false;
  /** It has not been told of the latest output. */
  #hasMore = false;
  /** What goes on where the thread has died. */
  #instead: Absorbing | undefined;
  #stopped: ((outcome: AbsorbOutcome) => void) | undefined;

  /**
   * @param takeOver makes what goes on where the thread has stopped
   * @throws Error if the system has no thread left
   */
  constructor(data: ThreadData, events: AbsorbEvents, takeOver: () => Absorbing) {
    this.#events = events;
    this.#takeOver = takeOver;
    this.#worker = new Worker(ABSORB_THREAD, {
      workerData: data,
      env: {},
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 3 * SEMI_SPACE_MIB },
    });
    this.#worker.unref();
    this.#worker.on('message', (message: FromThread) => this.#take(message));
    // whatever ends the thread, the spool is whole: this thread goes on with it
    this.#worker.on('error', () => this.#gone());
    this.#worker.on('exit', () => this.#gone());
  }

  more(): void {
    if (this.#instead) this.#instead.more();
    else if (this.#isIdle) this.#post('more');
    else this.#hasMore = true;
    this.#isIdle = false;
  }

  /** In this thread: the other one has a low priority, and nobody should wait for it. */
  async finish(waitMs: number): Promise<AbsorbOutcome> {
    if (this.#instead) return this.#instead.finish(waitMs);
    const outcome = await this.stop();
    return outcome === 'left' ? this.#takeOver().finish(waitMs) : outcome;
  }

  async stop(): Promise<AbsorbOutcome> {
    if (this.#instead) return this.#instead.stop();
    this.#worker.ref();
    const stopped = new Promise<AbsorbOutcome>((resolve) => (this.#stopped = resolve));
    this.#post('stop');
    const outcome = await stopped;
    this.#worker.unref();
    return outcome;
  }

  #take(message: FromThread): void {
    if ('backlogBytes' in message) {
      this.#isIdle = true;
      if (this.#hasMore) this.more();
      this.#hasMore = false;
      this.#events.stored(message.backlogBytes);
    } else if ('trouble' in message) this.#events.trouble(message.trouble.code, message.trouble.isBusy);
    else if ('over' in message) this.#events.over(message.over);
    else if ('warn' in message) this.#events.warn(message.warn);
    else this.#stopped?.(message.stopped);
  }

  #gone(): void {
    if (this.#stopped) this.#stopped('left');
    else this.#instead ??= this.#takeOver();
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}
