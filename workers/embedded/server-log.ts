import { closeSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROTATE_BYTES = 10 * 1024 * 1024;
/** A stack trace of Go comes after the reason for it and is 8 KiB long. */
const TAIL_BYTES = 32 * 1024;
/** The lines of such a trace: a goroutine, a function with its arguments, the place in its file. */
const GO_TRACE = /^(goroutine \d+ \[.*|\S+\(.*\)|created by .*|\t.*|)$/;

/**
 * @returns the file for a server's output, `<dataDir>/logs/<name>.log`. If it is larger than 10 MiB, it is first moved
 * to `<name>.log.1` and replaces the one there.
 */
export function serverLogPath(dataDir: string, name: string): string {
  const folder = join(dataDir, 'logs');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.log`);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  return path;
}

/** @returns the last lines of a server's output except a stack trace, joined to one line for an error message */
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
