/** Writing a response in parts, no faster than its reader takes them. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import pTimeout from 'p-timeout';

/** Small parts are joined, because each write costs a chunk and a system call. */
const CHUNK_CHARACTERS = 16 * 1024;

/** `stalled`: the stream is open but took nothing in time. */
export type Written = 'written' | 'closed' | 'stalled';

/**
 * Writes the parts and ends the stream; stops quietly if the reader goes away.
 * @throws what producing the parts throws
 */
export async function writeParts(target: Writable, parts: AsyncIterable<string>): Promise<void> {
  let chunk = '';
  for await (const part of parts) {
    chunk += part;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    if ((await write(target, chunk)) !== 'written') return;
    chunk = '';
  }
  target.end(chunk);
}

/** Writes, then waits for at most `stallMs` until more may be written. */
export async function write(target: Writable, chunk: string | Buffer, stallMs = 60_000): Promise<Written> {
  if (target.destroyed) return 'closed';
  if (target.write(chunk)) return 'written';
  const settled = new AbortController(); // takes the listeners off
  const when = (event: string, written: Written) =>
    once(target, event, { signal: settled.signal }).then(
      () => written,
      () => 'closed' as const,
    );
  const drainedOrClosed = Promise.race([when('drain', 'written'), when('close', 'closed')]);
  try {
    return await pTimeout(drainedOrClosed, { milliseconds: stallMs, fallback: () => 'stalled' as const });
  } finally {
    settled.abort();
  }
}
