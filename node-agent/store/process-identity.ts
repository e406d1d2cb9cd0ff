/** Tells a process from a later one with the same pid, by the time it started. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** @returns when the process started, in a form only for comparing; undefined if no such process is alive */
export function processStart(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxProcessStart(pid) : psProcessStart(pid);
}

function linuxProcessStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the second field, the command, may contain spaces and brackets: fields are counted from its end
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined;
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${bootId}:${fields[19] ?? ''}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

function psProcessStart(pid: number): string | undefined {
  const { stdout, error } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  if (error) throw error;
  return stdout.trim() === '' ? undefined : stdout.trim();
}

/** @returns like {@link processStart}, of this process; undefined if the system does not tell */
export function ownStart(): string | undefined {
  try {
    return processStart(process.pid);
  } catch {
    return undefined; // for example a /proc that hides it
  }
}
