/** For what takes long and goes on by itself: a hive that is busy, restarts or is away is asked again until it answers. */
import { HiveApiError } from '../../api/client/client.js';
import { isAway } from '../ui/error-words.js';
import { Backoff } from './backoff.js';

/** The answer ended before its last line: the hive was stopped, or the network was away. */
export class CutOffError extends Error {
  override readonly name = 'CutOffError';
  constructor() {
    super('the answer was cut off before its end');
  }
}

/** Why there is no answer yet. */
export type Waiting = 'busy' | 'away';

export const WAITING_WORDS: Record<Waiting, string> = {
  busy: 'the hive is busy, it is tried again',
  away: 'no hive answers, it is tried again',
};

export interface Patience {
  signal: AbortSignal;
  /** Before each further try. What an answer that was cut off has brought will come again. */
  waits: (why: Waiting) => void;
}

/**
 * @param ask called again after a pause, which is never shorter than the hive asks for
 * @throws what asking again would not help against, and what it throws once the signal is aborted
 */
export async function untilAnswered<T>(ask: () => Promise<T>, { signal, waits }: Patience): Promise<T> {
  const backoff = new Backoff();
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const why = whyWait(error);
      if (signal.aborted || !why) throw error;
      waits(why);
      await pause(Math.max(backoff.next(), pauseAskedFor(error)), signal);
    }
  }
}

function whyWait(error: unknown): Waiting | undefined {
  if (error instanceof CutOffError || (error instanceof Error && isAway(error))) return 'away';
  if (!(error instanceof HiveApiError)) return undefined;
  if (error.status === 429 || error.status === 503) return 'busy';
  return error.status === 502 || error.status === 504 ? 'away' : undefined; // from a proxy before a hive
}

const pauseAskedFor = (error: unknown): number =>
  error instanceof HiveApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;

/** @throws the signal's reason once it is aborted */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', ended);
      resolve();
    }, ms);
    signal.addEventListener('abort', ended, { once: true });
    if (signal.aborted) ended();
  });
}
