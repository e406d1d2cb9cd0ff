import { closeSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROTATE_BYTES = 10 * 1024 * 1024;
/** A trace of Go, which stands behind the reason for it, is 8 KiB long. */
const TAIL_BYTES = 32 * 1024;
/** Lines of such a trace: a goroutine, a function with its arguments, the place in its file. */
const GO_TRACE = /^(goroutine \d+ \[.*|\S+\(.*\)|created by .*|\t.*|)$/;

/**
 * The file that a server's output goes to, `<dataDir>/logs/<name>.log`.
 * One above 10 MiB becomes `<name>.log.1` first, in place of the one before.
 */
export function serverLogPath(dataDir: string, name: string): string {
  const folder = join(dataDir, 'logs');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.log`);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  return path;
}

/** The last lines of a server's output but for a stack trace, on one line, for an error's message. */
export function lastWords(path: string, lines = 3): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return '(no output)';
  const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
  const file = openSync(path, 'r');
  try {
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
  } finally {
    closeSync(file);
  }
  const said = buffer.toString('utf8').trim().split('\n');
  return said
    .filter((line) => !GO_TRACE.test(line))
    .slice(-lines)
    .join(' | ');
}
