/** The two pipes through which a command's output comes. */
import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface OutputPipe {
  /** Belongs to the command once it is started; then close it here. */
  writeFd: number;
  output: Socket;
}

const run = promisify(execFile);

/**
 * A pipe each for stdout and stderr. Node's own 'pipe' is a socket, on which a script's `echo … > /dev/stderr` fails;
 * a command must not notice that it is recorded. Undefined where the system can't make named pipes.
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

/** The reading end is opened first and without blocking: only then does the writing end open at once. */
function openPipe(path: string): OutputPipe {
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeFd = openSync(path, constants.O_WRONLY);
  return { writeFd, output: new Socket({ fd: readFd, readable: true, writable: false }) };
}

export function closeWriteEnd({ writeFd }: OutputPipe): void {
  closeSync(writeFd);
}
