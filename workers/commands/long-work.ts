/** Commands that take their time: they show how far they are, and clean up when a signal ends them. */
import { startProgress, type Progress } from './progress.js';

const MEGABYTE = 1_000_000;

export function megabytes(bytes: number): number {
  return Math.round(bytes / MEGABYTE);
}

/** @param total the number of bytes; 0 if nobody knows */
export function startByteProgress(total: number): Progress {
  const bar = startProgress('MB', megabytes(total));
  return {
    set: (bytes) => bar.set(megabytes(bytes), total === 0 ? megabytes(bytes) : undefined),
    stop: () => bar.stop(),
  };
}

/** Runs `work` with a signal that SIGINT, SIGTERM and SIGHUP abort, and waits until it has cleaned up. */
export async function untilSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const stop = (name: NodeJS.Signals) => controller.abort(new Error(`ended by ${name}; nothing was changed`));
  for (const name of signals) process.on(name, stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    controller.signal.throwIfAborted(); // what the work says then is only that it was ended
    throw error;
  } finally {
    for (const name of signals) process.off(name, stop);
  }
}
