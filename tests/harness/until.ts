/** Waiting for a condition by looking again and again. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until the condition is true. An error of the condition ends the waiting.
 * @returns how long it took, in ms; undefined if the time ran out first
 */
export async function within(
  timeoutMs: number,
  condition: () => boolean | Promise<boolean>,
  everyMs = 250,
): Promise<number | undefined> {
  const start = performance.now();
  for (;;) {
    if (await condition()) return performance.now() - start;
    if (performance.now() - start > timeoutMs) return undefined;
    await sleep(everyMs);
  }
}

/**
 * Waits until the condition is true. An error of the condition counts as "not yet".
 * @throws Error if the time runs out first, with the condition's last error as its cause
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
  what = 'the condition is true',
): Promise<void> {
  let lastError: unknown;
  const isTrue = async () => {
    try {
      return await condition();
    } catch (error) {
      lastError = error;
      return false;
    }
  };
  const took = await within(timeoutMs, isTrue, 50);
  if (took === undefined) throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: lastError });
}
