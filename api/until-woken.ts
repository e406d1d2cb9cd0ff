import pTimeout from 'p-timeout';

/** Waits until it is woken by a function that it puts among those that wait, the time is up, or the signal aborts. */
export async function untilWoken(waiting: Set<() => void>, timeoutMs: number, signal: AbortSignal): Promise<void> {
  let wake = (): void => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  waiting.add(wake);
  signal.addEventListener('abort', wake);
  await pTimeout(woken, { milliseconds: timeoutMs, fallback: () => undefined });
  waiting.delete(wake);
  signal.removeEventListener('abort', wake);
}
