/** Runs a command in this process's own group, with a pipe each for stdout and stderr. */
import { Child, type ChildEnd } from './child.js';
import { isForeground } from './job.js';
import type { Launch } from './launch.js';
import type { Libc } from './libc.js';
import { OutputReader } from './output-reader.js';
import { openPipe, PIPE_BYTES } from './pipes.js';
import { PollLoop } from './poll-loop.js';
import { resolvable, type OutputType, type StartResult } from './running-command.js';
import { catchSignals, MADE_BY_TERMINAL, send } from './signals.js';
import { spawnCommand } from './spawn.js';

export interface ModeOptions {
  libc: Libc;
  launch: Launch;
  argv: readonly Buffer[];
  environment: readonly Buffer[];
  output: (type: OutputType, bytes: Buffer) => void;
}

export function startWithPipes({ libc, launch, argv, environment, output }: ModeOptions): StartResult {
  const [ended, end] = resolvable<ChildEnd>();
  const [askedToLeave, leave] = resolvable<undefined>();
  const [stdout, stderr] = [openPipe(libc, PIPE_BYTES), openPipe(libc)];
  const running: { child?: Child } = {};
  catchSignals(libc, launch.ignored, (signal) => {
    if (running.child?.hasEnded) leave(undefined);
    else if (running.child) pass(libc, running.child, signal);
  });
  const result = spawnCommand(libc, { argv, environment, launch, standard: [0, stdout.writeFd, stderr.writeFd] });
  for (const { writeFd } of [stdout, stderr]) libc.close(writeFd);
  if ('errno' in result) return result;
  running.child = new Child(libc, result.pid, { ended: end, stopped: () => send(process.pid, 'SIGSTOP') });
  const sources = { stdout: stdout.readFd, stderr: stderr.readFd, isTerminal: false };
  const reader = new OutputReader(libc, new PollLoop(libc), sources, output);
  return { pid: result.pid, ended, askedToLeave, output: reader, close: () => undefined };
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
