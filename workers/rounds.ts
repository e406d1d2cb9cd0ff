import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Does something again and again, one round after the other.
 * @param round never throws; returns how long to wait for the next one, in ms
 * @returns a function that stops it, and resolves when the round under way has ended
 */
export function startRounds(round: () => Promise<number>): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const run = async () => {
    while (!signal.aborted) {
      const pauseMs = await round();
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const finished = run();
  return async () => {
    stopping.abort();
    await finished;
  };
}
