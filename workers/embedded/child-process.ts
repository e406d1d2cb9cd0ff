import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { parse } from 'node:path';
import { EmbeddedError } from './errors.js';
import { identify, type ProcessIdentity } from './process-identity.js';

export interface ServerCommand {
  readonly executable: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The user it runs as; if absent, the hive's own. */
  readonly user?: { uid: number; gid: number };
  /** Receives its output. */
  readonly logPath: string;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningServer {
  readonly identity: ProcessIdentity;
  readonly exited: Promise<Exit>;
}

// Waits for a line before it becomes the server: if the hive dies before it has recorded the pid, the pipe closes and
// the server never runs unrecorded. exec keeps the pid and its start time.
const WAIT_FOR_LINE = 'read -r line && exec "$@" </dev/null';

/**
 * Starts a server in a session of its own, so that Ctrl-C in a terminal reaches only the hive.
 * @param note called with the process before the server itself runs in it
 * @throws {EmbeddedError} start_failed
 */
export async function startServer(
  command: ServerCommand,
  note: (identity: ProcessIdentity) => void,
): Promise<RunningServer> {
  const child = spawnDetached(command);
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) =>
      reject(
        new EmbeddedError('start_failed', `${command.executable} can't be started: ${error.message}`, { cause: error }),
      ),
    );
  });
  // a failure to spawn is thrown below, where this is awaited
  exited.catch(() => undefined);
  // the process ended before it read its line; its exit reports that
  child.stdin?.on('error', () => undefined);
  const identity = child.pid === undefined ? undefined : await identify(child.pid);
  if (!identity) {
    const { code, signal } = await exited;
    throw new EmbeddedError('start_failed', `${command.executable} ended at once (${signal ?? `exit code ${code}`})`);
  }
  note(identity);
  child.stdin?.end('go\n');
  return { identity, exited };
}

function spawnDetached({ executable, args, env, user, logPath }: ServerCommand): ChildProcess {
  const log = openSync(logPath, 'a');
  try {
    const options = {
      detached: true,
      stdio: ['pipe' as const, log, log],
      env,
      cwd: parse(process.cwd()).root,
      ...user,
    };
    return process.platform === 'win32'
      ? spawn(executable, args, options)
      : spawn('/bin/sh', ['-c', WAIT_FOR_LINE, 'sh', executable, ...args], options);
  } finally {
    closeSync(log);
  }
}
