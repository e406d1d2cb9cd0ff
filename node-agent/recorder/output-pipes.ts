/** The two pipes that carry a command's output. */
import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface OutputPipe {
  /** For the command: once it has started, close it in this process. */
  writeFd: number;
  output: Socket;
}

const run = promisify(execFile);

/**
 * Opens a pipe each for stdout and stderr. Node's own 'pipe' is a socket, on which a script's `echo … > /dev/stderr`
 * fails, and a command must not notice that it is recorded.
 * @returns undefined if the system can't make named pipes
 */
export async function openOutputPipes(): Promise<{ stdout: OutputPipe; stderr: OutputPipe } | undefined> {
  let directory: string | undefined;
  try {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-'));
    const [stdout, stderr] = [join(directory, 'stdout'), join(directory, 'stderr')];
    await run('mkfifo', ['-m', '600', stdout, stderr]);
    return { stdout: openPipe(stdout), stderr: openPipe(stderr) };
  } catch {
    return undefined;
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  }
}

/** Opens the reading end first and without blocking, so that the writing end opens at once. */
function openPipe(path: string): OutputPipe {
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeFd = openSync(path, constants.O_WRONLY);
  return { writeFd, output: new Socket({ fd: readFd, readable: true, writable: false }) };
}

export function closeWriteEnd({ writeFd }: OutputPipe): void {
  closeSync(writeFd);
}
