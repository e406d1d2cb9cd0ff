import { isatty } from 'node:tty';
import { libc } from './libc.js';

/** @returns whether the descriptor is a terminal; by the C library, because `node:tty` takes milliseconds to load */
export function isTerminal(fd: number): boolean {
  const functions = libc();
  return functions ? functions.isatty(fd) === 1 : isatty(fd);
}
