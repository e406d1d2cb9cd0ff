import { limitsOf, type AppDependencies } from './dependencies.js';
import { logStreams } from './metrics.js';
import { ApiError } from './problem.js';

/** The streams of server-sent events that this process has open, at most as many as its limits allow. */
export class OpenStreams {
  readonly #open = new Set<AbortController>();
  readonly #max: number;
  readonly #stopping: AbortSignal | undefined;

  constructor(deps: AppDependencies) {
    this.#max = limitsOf(deps).streams;
    this.#stopping = deps.stopping;
    deps.stopping?.addEventListener('abort', () => {
      for (const stream of this.#open) stream.abort();
    });
  }

  /**
   * Runs a stream until it ends.
   * @param run gets a signal that aborts when the reader goes away or the process stops
   * @throws ApiError too_many_streams
   */
  async run(gone: AbortSignal, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#open.size >= this.#max || this.#stopping?.aborted) {
      throw new ApiError('too_many_streams', `this hive has ${this.#max} open streams; try again later`, {
        headers: { 'retry-after': '10' },
      });
    }
    const ended = new AbortController();
    this.#open.add(ended);
    logStreams.set(this.#open.size);
    gone.addEventListener('abort', () => ended.abort());
    try {
      await run(ended.signal);
    } finally {
      this.#open.delete(ended);
      logStreams.set(this.#open.size);
    }
  }
}
