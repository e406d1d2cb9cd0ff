/** What outlives the command and still has its output open. */
import { spawn } from 'node:child_process';
import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { F_GETFL, F_SETFL } from './constants.js';
import { constants } from 'node:fs';
import type { Libc } from './libc.js';

const MAX_NAMED = 5;

/**
 * @param readFds pipes, of which this process has the reading ends
 * @param terminalPath the pseudo-terminal's path, if there is one
 * @returns `sleep (pid 123)` of each process that has one of them open for writing; empty if the system does not tell
 */
export function holders(readFds: readonly number[], terminalPath: string | undefined): string[] {
  const targets = new Set(readFds.map(pipeName));
  if (terminalPath !== undefined) targets.add(terminalPath);
  try {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
    return pids.filter((pid) => hasOpen(pid, targets)).map((pid) => `${nameOf(pid)} (pid ${pid})`);
  } catch {
    return [];
  }
}

function pipeName(fd: number): string {
  return `pipe:[${fstatSync(fd).ino}]`;
}

function hasOpen(pid: string, targets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => targets.has(readlinkSync(`/proc/${pid}/fd/${fd}`)));
  } catch {
    return false; // gone, or somebody else's
  }
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').replace(/[^\x20-\x7e]/g, '');
  } catch {
    return '?';
  }
}

/** @param lingerSeconds how long they were awaited */
export function leftBehindSentence(named: readonly string[], lingerSeconds: number): string {
  const more = named.length > MAX_NAMED ? `, and ${named.length - MAX_NAMED} more` : '';
  const who = named.length === 0 ? 'processes that it left' : named.slice(0, MAX_NAMED).join(', ') + more;
  return `node-agent: the command has ended, but its output was still open ${lingerSeconds} s later in ${who}; what they print from here on is not recorded`;
}

/** Passes on what they print, by a process that outlives this one, so that they do not notice its end. */
export function passOnWithout(libc: Libc, readFd: number, toFd: number): void {
  libc.fcntl(readFd, F_SETFL, 'int', libc.fcntl(readFd, F_GETFL, 'int', 0) & ~constants.O_NONBLOCK);
  try {
    const cat = spawn('cat', [], {
      detached: true,
      stdio: [readFd, toFd, 'ignore'],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
    });
    cat.on('error', () => undefined); // without cat they get SIGPIPE, as in a shell's pipeline that ends
    cat.unref();
  } catch {
    // Node throws some failures, and emits others
  }
}
