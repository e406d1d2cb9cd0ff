import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedError, systemCode } from './errors.js';
import { isAlive, type ProcessIdentity } from './process-identity.js';

/** A signal, and how long the process may take to end after it. */
export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** How each server is stopped: gently at first, by force in the end. */
export const STOP_STEPS = {
  // SIGINT: fast shutdown with a checkpoint; SIGQUIT: immediate shutdown, with recovery at the next start
  postgres: [
    { signal: 'SIGINT', waitMs: 20_000 },
    { signal: 'SIGQUIT', waitMs: 5_000 },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ],
  temporal: [
    { signal: 'SIGTERM', waitMs: 10_000 },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ],
} satisfies Record<string, readonly StopStep[]>;

export type ChildKind = keyof typeof STOP_STEPS;

const POLL_MS = 20;

/**
 * Ends exactly this process. Returns when it is gone.
 * @throws {EmbeddedError} stop_failed if it outlives the last step
 */
export async function terminate(target: ProcessIdentity, steps: readonly StopStep[]): Promise<void> {
  for (const { signal, waitMs } of steps) {
    if (!(await isAlive(target))) return;
    send(target.pid, signal);
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline) {
      if (!(await isAlive(target))) return;
      await sleep(POLL_MS);
    }
  }
  throw new EmbeddedError('stop_failed', `process ${target.pid} does not end even when killed; end it by hand`);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return;
    throw new EmbeddedError('stop_failed', `process ${pid} can't be stopped (${systemCode(error) ?? 'unknown'})`, {
      cause: error,
    });
  }
}
