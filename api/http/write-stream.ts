/** Writing an answer in parts, no faster than its reader takes them. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Small parts are joined: each write costs a chunk and a system call. */
const CHUNK_CHARACTERS = 16 * 1024;

/** Writes the parts and ends the stream. Throws what producing them throws; stops quietly when the reader went away. */
export async function writeParts(target: Writable, parts: AsyncIterable<string> | Iterable<string>): Promise<void> {
  let chunk = '';
  for await (const part of parts) {
    chunk += part;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    if (!(await write(target, chunk))) return;
    chunk = '';
  }
  target.end(chunk);
}

/** Writes and waits until more may be written. False when the stream was closed. */
export async function write(target: Writable, chunk: string | Buffer, signal?: AbortSignal): Promise<boolean> {
  if (target.destroyed) return false;
  if (target.write(chunk)) return true;
  const listening = new AbortController();
  try {
    const options = { signal: signal ? AbortSignal.any([signal, listening.signal]) : listening.signal };
    await Promise.race([once(target, 'drain', options), once(target, 'close', options)]);
  } finally {
    listening.abort();
  }
  return !target.destroyed;
}
