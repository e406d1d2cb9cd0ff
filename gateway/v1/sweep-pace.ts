/** When a thousand nodes come back at once, their sweeps together must not ask more often than this. @format ms */
const INTERVAL_MS = 50;

/** Spreads the sweeps of all version 1 nodes of a process over time. */
export class SweepPace {
  #nextAt = 0;

  constructor(readonly intervalMs = INTERVAL_MS) {}

  /** @returns after how many ms the next ask of the caller's sweep may be sent */
  takeTurn(): number {
    const now = performance.now();
    this.#nextAt = Math.max(this.#nextAt, now) + this.intervalMs;
    return this.#nextAt - now;
  }
}
