/** Writing an answer in parts, no faster than its reader takes them. */
import type { Writable } from 'node:stream';

/** Small parts are joined: each write costs a chunk and a system call. */
const CHUNK_CHARACTERS = 16 * 1024;

/** `stalled`: the stream is open, but took nothing in time. */
export type Written = 'written' | 'closed' | 'stalled';

/** Writes the parts and ends the stream. Throws what producing them throws; stops quietly when the reader went away. */
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

/** Writes and waits until more may be written, at most for `stallMs`. */
export async function write(target: Writable, chunk: string | Buffer, stallMs = 60_000): Promise<Written> {
  if (target.destroyed) return 'closed';
  if (target.write(chunk)) return 'written';
  return new Promise((resolve) => {
    const settle = (written: Written) => () => {
      clearTimeout(timer);
      target.off('drain', onDrain).off('close', onClose);
      resolve(written);
    };
    const onDrain = settle('written');
    const onClose = settle('closed');
    const timer = setTimeout(settle('stalled'), stallMs);
    target.on('drain', onDrain).on('close', onClose);
  });
}
