/** The signals that the recorder gets in place of the command. */
import { constants } from 'node:os';
import * as c from './constants.js';
import type { Libc } from './libc.js';

const { signals } = constants;

/**
 * All that can be caught, but for what this process's own children cause (SIGCHLD), what would hide a fault of this
 * process (SIGSEGV, SIGBUS, SIGFPE, SIGILL), and what a terminal sends to the whole group and must stop this process too
 * (SIGTTIN, SIGTTOU).
 */
const CAUGHT: readonly NodeJS.Signals[] = (
  [
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGTRAP',
    'SIGABRT',
    'SIGUSR1',
    'SIGUSR2',
    'SIGPIPE',
    'SIGALRM',
    'SIGTERM',
    'SIGSTKFLT',
    'SIGCONT',
    'SIGTSTP',
    'SIGURG',
    'SIGXCPU',
    'SIGXFSZ',
    'SIGVTALRM',
    'SIGPROF',
    'SIGWINCH',
    'SIGIO',
    'SIGPWR',
    'SIGSYS',
  ] satisfies NodeJS.Signals[]
).filter((signal) => signal in signals);

/** The first real-time signal of Linux. Node cannot catch them. */
const FIRST_REAL_TIME = 34;

/**
 * Prepares this process for the time in which a command runs. What was ignored before Node started is ignored again,
 * so that the command inherits it. Real-time signals are ignored, so that they do not end the recorder alone.
 * @param received told of each signal that was not ignored
 */
export function catchSignals(
  libc: Libc,
  ignored: ReadonlySet<number>,
  received: (signal: NodeJS.Signals) => void,
): void {
  for (const signal of ignored) if (signal !== signals.SIGCHLD) libc.signal(signal, c.SIG_IGN);
  if (process.platform === 'linux') {
    for (let signal = FIRST_REAL_TIME; signal <= c.LAST_SIGNAL; signal++) libc.signal(signal, c.SIG_IGN);
  }
  for (const signal of CAUGHT) if (!ignored.has(signals[signal])) process.on(signal, received);
}

/** Signals that a terminal sends to its whole foreground group, and so to the command too. */
export const MADE_BY_TERMINAL: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGWINCH']);

/** @returns whether a process that does nothing about the signal is ended by it */
export function isDeadly(signal: NodeJS.Signals): boolean {
  return !['SIGCONT', 'SIGTSTP', 'SIGURG', 'SIGWINCH'].includes(signal);
}

/** Sends a signal to a process, or to a group if the number is negative. One that has gone does not matter. */
export function send(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone, or a set-user-ID command that only its own user may signal: without the recorder it could not be either
  }
}
