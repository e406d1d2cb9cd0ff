/** What is soon done may end by itself, because to kill a thread costs more. */
const GRACE_MS = 250;

/**
 * Gives the work a signal that aborts a moment after the reader has gone, or after the work has returned.
 * @returns undefined if the reader has gone
 */
export async function withWorkSignal<T>(
  gone: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const controller = new AbortController();
  const abortSoon = () => void setTimeout(() => controller.abort(), GRACE_MS).unref();
  gone.addEventListener('abort', abortSoon, { once: true });
  try {
    return await work(controller.signal);
  } catch (error) {
    if (!gone.aborted) throw error;
    return undefined; // nobody waits for it
  } finally {
    gone.removeEventListener('abort', abortSoon);
    abortSoon(); // parts that were begun ahead
  }
}
