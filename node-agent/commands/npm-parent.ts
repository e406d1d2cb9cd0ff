/**
 * npm and npx run a command through `sh -c`. A signal to npm ends that shell, which does not pass it on: the command
 * would run on, with nobody who knows of it.
 */
import { readFileSync } from 'node:fs';

const LOOK_MS = 250;

/** Calls `gone` when the npm that runs this process, or its shell, has ended. Does nothing for any other parent. */
export function whenNpmIsGone(gone: () => void): void {
  const parent = process.ppid;
  if (process.env['npm_command'] === undefined || !isOfNpm(parent)) return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, LOOK_MS);
  timer.unref();
}

/** What a command starts inherits npm's variables, too. */
function isOfNpm(pid: number): boolean {
  try {
    const [program = '', option] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return program.startsWith('npm ') || option === '-c';
  } catch {
    return process.platform !== 'linux'; // elsewhere there is no /proc
  }
}
