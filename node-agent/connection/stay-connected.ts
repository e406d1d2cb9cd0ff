/** Keeps the node connected to the hive: whenever a connection ends, the next one is opened. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { backOff } from 'exponential-backoff';
import type { ConnectionEnd, ConnectionOptions, OpenConnection } from './open-socket.js';
import { openConnection } from './v2/connection.js';

/** A connection that lasted this long resets the backoff. */
const STABLE_MS = 10_000;

export interface Delays {
  /** A delay that doubles from the first value to the second, with full jitter. @default 1000..30000 */
  reconnectMs: readonly [number, number];
  /** After a refused login: a random delay between the two. @default 30000..60000 */
  refusedMs: readonly [number, number];
  /** After being superseded: a delay that doubles, plus up to half of it at random. @default 60000..600000 */
  supersededMs: readonly [number, number];
}

export const DELAYS: Delays = {
  reconnectMs: [1000, 30_000],
  refusedMs: [30_000, 60_000],
  supersededMs: [60_000, 600_000],
};

/** The end of a connection that did not last: the next attempt follows after a longer delay. */
class Unstable extends Error {
  override readonly name = 'Unstable';
}

/** Resolves once `signal` is aborted and the socket is closed. */
export async function stayConnected(
  options: ConnectionOptions,
  delays: Delays = DELAYS,
  open: OpenConnection = openConnection,
): Promise<void> {
  const { logger, signal } = options;
  let superseded = 0;
  for (let first = true; !signal.aborted; first = false) {
    const end = await connectWithBackoff(options, delays, first, open);
    if (isAborted(signal) || !end) return;
    if (end.kind === 'refused') {
      const delayMs = between(delays.refusedMs);
      logger.error({ reason: end.reason, retry_in_ms: delayMs }, 'the hive refused this node');
      await pause(delayMs, signal);
    } else if (end.kind === 'ended' && end.superseded) {
      const [least, most] = delays.supersededMs;
      const delayMs = Math.min(least * 2 ** superseded++, most) * (1 + Math.random() / 2);
      logger.error({ retry_in_ms: Math.round(delayMs) }, 'another connection with this node identity has taken over');
      await pause(delayMs, signal);
    } else {
      superseded = 0;
    }
  }
}

/** @returns the first end that is not {@link Unstable}; undefined if the signal was aborted */
async function connectWithBackoff(
  options: ConnectionOptions,
  delays: Delays,
  first: boolean,
  open: OpenConnection,
): Promise<ConnectionEnd | undefined> {
  const { signal } = options;
  const [startingDelay, maxDelay] = delays.reconnectMs;
  let current: Promise<ConnectionEnd> | undefined;
  const attempts = backOff(
    async () => {
      if (signal.aborted) return undefined;
      current = open(options);
      return endOrThrow(await current, options);
    },
    {
      delayFirstAttempt: !first,
      startingDelay,
      maxDelay,
      jitter: 'full',
      numOfAttempts: Number.MAX_SAFE_INTEGER,
      retry: (error: unknown) => error instanceof Unstable && !signal.aborted,
    },
  ).catch((error: unknown) => {
    if (error instanceof Unstable) return undefined;
    throw error;
  });
  // the library's delay can't be cut short, so after an abort only an open socket is waited for
  const settled = new AbortController();
  const aborted = once(signal, 'abort', { signal: settled.signal }).then(
    async () => {
      await current;
      return undefined;
    },
    () => undefined,
  );
  try {
    return await Promise.race([attempts, aborted]);
  } finally {
    settled.abort();
  }
}

/** @throws Unstable if the connection did not last */
function endOrThrow(end: ConnectionEnd, { logger, signal }: ConnectionOptions): ConnectionEnd {
  if (signal.aborted || end.kind === 'refused') return end;
  logger.warn(
    { reason: end.reason },
    end.kind === 'ended' ? 'the connection to the hive ended' : 'the hive is not reachable',
  );
  if (end.kind === 'ended' && (end.superseded || end.livedMs >= STABLE_MS)) return end;
  throw new Unstable(end.reason);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

function between([least, most]: readonly [number, number]): number {
  return Math.round(least + Math.random() * (most - least));
}

/** A function, because the compiler does not see that an await may change the value. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
