/** What the system tells about a process's job: who its group is, and whether that is a terminal's foreground one. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Libc } from './libc.js';

export interface Job {
  parent: number;
  group: number;
  session: number;
  /** The foreground group of its terminal; -1 if it has none. */
  foreground: number;
}

/** @returns undefined where there is no /proc */
export function jobOf(pid: number): Job | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // the second field, the command, may contain spaces and brackets: fields are counted from its end
    const [, parent, group, session, , foreground] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    if (parent === undefined || group === undefined || session === undefined || foreground === undefined) {
      return undefined;
    }
    return { parent, group, session, foreground };
  } catch {
    return undefined;
  }
}

/**
 * @returns whether somebody could continue this process's group if it stopped: some member's parent is in the same
 * session, but not in the group, as a shell with job control is
 */
export function canBeContinued(pid: number): boolean {
  let job = jobOf(pid);
  if (!job) return true;
  // a script's commands are in its own group: then what is above the script counts
  for (let parent = jobOf(job.parent); parent; parent = jobOf(job.parent)) {
    if (parent.session !== job.session) return false;
    if (parent.group !== job.group) return true;
    job = parent;
  }
  return false;
}

/** @returns whether this process's group is the foreground one of its terminal */
export function isForeground(libc: Libc): boolean {
  let fd: number | undefined;
  try {
    fd = openSync('/dev/tty', 'r');
    return libc.tcgetpgrp(fd) === libc.getpgrp();
  } catch {
    return false; // no terminal
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
