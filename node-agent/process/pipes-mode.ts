/** Runs a command in this process's own group, with a pipe each for stdout and stderr. */
import { Child, type ChildEnd } from './child.js';
import { isForeground } from './job.js';
import type { Launch } from './launch.js';
import type { Libc } from './libc.js';
import { OutputReader } from './output-reader.js';
import { openPipe, PIPE_BYTES } from './pipes.js';
import { PollLoop } from './poll-loop.js';
import { resolvable, type OutputType, type RunningCommand, type StartResult } from './running-command.js';
import { catchSignals, isDeadly, MADE_BY_TERMINAL, send } from './signals.js';
import { spawnCommand } from './spawn.js';

export interface CommandOptions {
  libc: Libc;
  launch: Launch;
  argv: readonly Buffer[];
  environment: readonly Buffer[];
}

export interface ModeOptions extends CommandOptions {
  output: (type: OutputType, bytes: Buffer) => void;
}

export function startWithPipes({ output, ...options }: ModeOptions): StartResult {
  const { libc } = options;
  const [stdout, stderr] = [openPipe(libc, PIPE_BYTES), openPipe(libc)];
  const result = startInGroup(options, [0, stdout.writeFd, stderr.writeFd]);
  for (const { writeFd } of [stdout, stderr]) libc.close(writeFd);
  if ('errno' in result) return result;
  const sources = { stdout: stdout.readFd, stderr: stderr.readFd, isTerminal: false };
  return { ...result, output: new OutputReader(libc, new PollLoop(libc), sources, output), close: () => undefined };
}

type InGroup = Pick<RunningCommand, 'pid' | 'ended' | 'askedToLeave'>;

/** Starts it on this process's own descriptors. */
export function startInherited(options: CommandOptions): InGroup | { errno: string } {
  return startInGroup(options, [0, 1, 2]);
}

function startInGroup(
  { libc, launch, argv, environment }: CommandOptions,
  standard: [number, number, number],
): InGroup | { errno: string } {
  const [ended, end] = resolvable<ChildEnd>();
  const [askedToLeave, leave] = resolvable<undefined>();
  const running: { child?: Child } = {};
  catchSignals(libc, launch.ignored, (signal) => {
    if (running.child && !running.child.hasEnded) pass(libc, running.child, signal);
    else if (isDeadly(signal)) leave(undefined);
  });
  const result = spawnCommand(libc, { argv, environment, launch, standard });
  if ('errno' in result) return result;
  running.child = new Child(libc, result.pid, { ended: end, stopped: () => send(process.pid, 'SIGSTOP') });
  return { pid: result.pid, ended, askedToLeave };
}

/** What a terminal sends, it sends to the command too. */
function pass(libc: Libc, child: Child, signal: NodeJS.Signals): void {
  if (signal === 'SIGCONT') {
    child.look();
    if (child.isStopped) send(child.pid, signal);
  } else if (!(MADE_BY_TERMINAL.has(signal) && isForeground(libc))) {
    send(child.pid, signal);
  }
}
