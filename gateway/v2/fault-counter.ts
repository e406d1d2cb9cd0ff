import { MAX_FAULTS_PER_MINUTE } from '../../protocol/limits.js';

/** Counts a socket's faulty frames over the last minute. */
export class FaultCounter {
  #times: number[] = [];

  /** Notes a fault; true when there have been too many. */
  count(now = Date.now()): boolean {
    this.#times = [...this.#times.filter((time) => now - time < 60_000), now];
    return this.#times.length >= MAX_FAULTS_PER_MINUTE;
  }
}
