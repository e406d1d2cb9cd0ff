/** Starts `run` once more, by its launcher, where it was started as a plain script of Node. */
import { existsSync } from 'node:fs';
import * as c from './constants.js';
import { libc } from './libc.js';

/** From the bundle, and from what tsc makes. */
const LAUNCHERS = ['../bin/node-agent', '../../node-agent/bin/node-agent', '../../../node-agent/bin/node-agent'];

/** Replaces this process, so that the command can have a terminal. Returns if there is no launcher. */
export function launchAgain(): void {
  const functions = libc();
  const launcher = LAUNCHERS.map((path) => new URL(path, import.meta.url).pathname).find((path) => existsSync(path));
  if (!functions || launcher === undefined) return;
  for (const fd of [0, 1, 2]) functions.fcntl(fd, c.F_SETFD, 'int', 0);
  const words = (list: readonly string[]) => [...list.map((word) => Buffer.from(`${word}\0`)), null];
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`);
  functions.execve(launcher, words([launcher, ...process.argv.slice(2)]), words(environment));
}
