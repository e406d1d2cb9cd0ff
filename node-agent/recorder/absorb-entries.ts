/** The programs that absorb a spool beside a recorder, and after it. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { libc, type Libc } from '../process/libc.js';
import { spawnCommand } from '../process/spawn.js';

export const ABSORB_THREAD = new URL('./absorb-thread.js', import.meta.url);
const ABSORB_PROCESS = new URL('./absorb-process.js', import.meta.url);

/** V8's space for what lives shortly, each of three: with more, 40 MB more are taken, and nothing is faster. */
export const SEMI_SPACE_MIB = 2;
/** Of V8's space for what lives longer: several times what absorbing needs. It collects earlier than without a limit. */
const OLD_SPACE_MIB = 64;

/** It gets nothing of what the command gets. */
const NOTHING = {
  ignored: new Set<number>(),
  blocked: new Set<number>(),
  descriptors: [],
  closed: [],
  openFiles: undefined,
};

/**
 * Starts a process that absorbs what a recorder has left, and that outlives this one. Where none can be started, the next
 * command that opens the store absorbs it.
 * @param isLeaving this process ends at once: nobody has to wait for the other one's end
 */
export function startAbsorbProcess(dataDir: string, executionId: string, { isLeaving = false } = {}): void {
  const { LD_LIBRARY_PATH: libraries } = process.env; // Node itself may need it
  const env: Record<string, string> = libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries };
  const args = [
    `--max-semi-space-size=${SEMI_SPACE_MIB}`,
    `--max-old-space-size=${OLD_SPACE_MIB}`,
    fileURLToPath(ABSORB_PROCESS),
    dataDir,
    executionId,
  ];
  try {
    const functions = isLeaving ? libc() : undefined;
    if (functions) spawnDetached(functions, args, env);
    else
      spawn(process.execPath, args, { detached: true, stdio: 'ignore', env })
        .on('error', () => undefined)
        .unref();
  } catch {
    // Node throws some failures, and emits others
  }
}

/** As `spawn` does, which takes longer to load than the command's end should wait. */
function spawnDetached(functions: Libc, args: readonly string[], env: Record<string, string>): void {
  const fd = openSync('/dev/null', 'r+');
  try {
    const argv = [process.execPath, ...args].map((word) => Buffer.from(word));
    const environment = Object.entries(env).map(([name, value]) => Buffer.from(`${name}=${value}`));
    spawnCommand(functions, { argv, environment, launch: NOTHING, standard: [fd, fd, fd], ownSession: true });
  } finally {
    closeSync(fd);
  }
}
