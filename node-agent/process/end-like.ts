/** Ends this process as its command ended. */
import * as c from './constants.js';
import type { ChildEnd } from './child.js';
import type { Libc } from './libc.js';
import { send } from './signals.js';
import type { Verdict } from './verdict.js';

/**
 * Does not return. Node's own way out would set the terminal back to what it was at the start, even if the command was
 * `stty`.
 */
export function endLike(libc: Libc, end: ChildEnd, verdict: Verdict): void {
  if (verdict.ended(end)) libc._exit(0);
  if (end.signal === null) {
    libc._exit(end.code ?? 1);
    return;
  }
  const limits = Buffer.alloc(16);
  if (libc.getrlimit(c.RLIMIT_CORE, limits) === 0) {
    limits.fill(0, 0, 8); // the command has dumped its core; this one says nothing
    libc.setrlimit(c.RLIMIT_CORE, limits);
  }
  libc.signal(end.signal, c.SIG_DFL);
  send(process.pid, end.signal);
  libc._exit(128 + end.signal); // a signal that does not end a process
}
