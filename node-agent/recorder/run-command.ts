/** Runs a command as if it ran on its own, and records what it prints. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { codeOf } from '../errors.js';
import type { ExecutionEnd } from '../store/executions.js';
import { ending, startFailure, type Ending } from './command.js';
import { closeWriteEnd, openOutputPipes } from './output-pipes.js';
import { Passthrough } from './passthrough.js';
import type { Recording } from './recording.js';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface RunCommandOptions {
  command: readonly [string, ...string[]];
  /** Called with the command's pid once it runs, or with undefined if it could not be started. */
  begin: (pid: number | undefined, output: Pausable) => Recording;
  afterHeadCommit: () => Promise<string | null>;
}

/** The command's output: while it is not read, the command waits, as with any pipe whose reader is slow. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

interface StartedCommand {
  child: ChildProcess;
  stdout: Readable;
  stderr: Readable;
  /** How it ended; also resolves if it could not be started. */
  ended: Promise<Ending>;
}

/**
 * @returns the exit status that a shell would report: the command's own, 128 + n after a signal, 126 or 127 if it
 * could not be started
 */
export async function runCommand({ command, begin, afterHeadCommit }: RunCommandOptions): Promise<number> {
  const started = await startCommand(command);
  const { pid } = started.child;
  const pausable = pausables([started.stdout, started.stderr]);
  const recording = begin(pid, pausable());
  recording.start();

  const end = pid === undefined ? await started.ended : await outputAndEnd(started, recording, pausable());
  if (pid === undefined) {
    const sentence = `node-agent: ${command[0]} could not be started: ${end.exitStatus === 127 ? 'command not found' : 'cannot be executed'}`;
    process.stderr.write(`${sentence}\n`);
    recording.system(sentence);
  }
  await recording.finish(await executionEnd(end, afterHeadCommit));
  return end.exitStatus;
}

async function startCommand([file, ...args]: readonly [string, ...string[]]): Promise<StartedCommand> {
  const pipes = await openOutputPipes();
  const child = pipes
    ? spawn(file, args, { stdio: ['inherit', pipes.stdout.writeFd, pipes.stderr.writeFd] })
    : spawn(file, args, { stdio: ['inherit', 'pipe', 'pipe'] });
  const ended = new Promise<Ending>((resolve) => {
    child.on('error', (error) => resolve(startFailure(codeOf(error))));
    child.on('exit', (code, signal) => resolve(ending(code, signal)));
  });
  if (pipes) {
    closeWriteEnd(pipes.stdout);
    closeWriteEnd(pipes.stderr);
  }
  const [stdout, stderr] = [pipes?.stdout.output ?? child.stdout, pipes?.stderr.output ?? child.stderr];
  if (!stdout || !stderr) throw new Error('the command has no output pipes');
  return { child, stdout, stderr, ended };
}

async function executionEnd(end: Ending, afterHeadCommit: () => Promise<string | null>): Promise<ExecutionEnd> {
  const completedAt = now();
  return { status: end.status, exitCode: end.exitCode, afterHeadCommit: await afterHeadCommit(), completedAt };
}

/** @returns a function whose results pause the streams independently: they are read while none of these is paused */
function pausables(streams: readonly Readable[]): () => Pausable {
  const paused = new Set<Pausable>();
  return () => {
    const self: Pausable = {
      pause: () => {
        paused.add(self);
        streams.forEach((stream) => stream.pause());
      },
      resume: () => {
        if (paused.delete(self) && paused.size === 0) streams.forEach((stream) => stream.resume());
      },
    };
    return self;
  };
}

/** Passes the output on and records it until the command has ended and its output is closed. */
async function outputAndEnd(
  { child, stdout, stderr, ended }: StartedCommand,
  recording: Recording,
  output: Pausable,
): Promise<Ending> {
  const streams: [Readable, number, 'stdout' | 'stderr'][] = [
    [stdout, 1, 'stdout'],
    [stderr, 2, 'stderr'],
  ];
  const passthrough = new Passthrough({
    full: () => output.pause(),
    ready: () => output.resume(),
    // the command then gets the SIGPIPE or EPIPE that it would get without the recorder
    closed: (fd) => streams.filter(([, target]) => target === fd).forEach(([stream]) => stream.destroy()),
  });
  for (const [stream, fd, outputType] of streams) {
    stream.on('data', (chunk: Buffer) => {
      passthrough.write(fd, chunk);
      recording.output(outputType, chunk);
    });
    stream.on('error', (error) => recording.system(`node-agent: ${outputType} could not be read (${codeOf(error)})`));
  }
  const stopForwarding = forwardSignals(child, () => streams.forEach(([stream]) => stream.destroy()));
  const closed = streams.map(([stream]) => once(stream, 'close'));
  const [end] = await Promise.all([ended, ...closed]);
  stopForwarding();
  await passthrough.flushed();
  return end;
}

/**
 * Forwards signals to the command. If a background process keeps the output open after the command's end, the recorder
 * waits for it, as a shell's pipeline does; a signal then ends the wait.
 */
function forwardSignals(child: ChildProcess, stopWaiting: () => void): () => void {
  const forward = (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) stopWaiting();
    // Ctrl-C reaches the terminal's whole foreground group, so the command has got it already
    else if (!(signal === 'SIGINT' && process.stdin.isTTY)) child.kill(constants.signals[signal]);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}

function now(): string {
  return new Date().toISOString();
}
