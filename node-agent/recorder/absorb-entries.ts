/** The programs that absorb a spool beside a recorder, and after it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ABSORB_THREAD = new URL('./absorb-thread.js', import.meta.url);
const ABSORB_PROCESS = new URL('./absorb-process.js', import.meta.url);

/** V8's space for what lives shortly, each of three: with more, 40 MB more are taken, and nothing is faster. */
export const SEMI_SPACE_MIB = 2;
/** Of V8's space for what lives longer: several times what absorbing needs. It collects earlier than without a limit. */
const OLD_SPACE_MIB = 64;

/**
 * Starts a process that absorbs what a recorder has left, and that outlives this one. Where none can be started, the next
 * command that opens the store absorbs it.
 */
export function startAbsorbProcess(dataDir: string, executionId: string): void {
  const { LD_LIBRARY_PATH: libraries } = process.env; // Node itself may need it
  try {
    const child = spawn(
      process.execPath,
      [
        `--max-semi-space-size=${SEMI_SPACE_MIB}`,
        `--max-old-space-size=${OLD_SPACE_MIB}`,
        fileURLToPath(ABSORB_PROCESS),
        dataDir,
        executionId,
      ],
      {
        detached: true,
        stdio: 'ignore',
        cwd: '/',
        env: libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries },
      },
    );
    child.on('error', () => undefined);
    child.unref();
  } catch {
    // Node throws some failures, and emits others
  }
}
