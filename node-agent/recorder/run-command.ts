/** Runs a command as if it ran by itself, and records what it prints. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { constants } from 'node:os';
import { codeOf } from '../errors.js';
import type { ExecutionEnd } from '../store/executions.js';
import { ending, startFailure, type Ending } from './command.js';
import { LineSplitter } from './line-splitter.js';
import { Passthrough } from './passthrough.js';
import type { Recording } from './recording.js';

type RecordedProcess = ChildProcessByStdio<null, Readable, Readable>;

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface RunCommandOptions {
  command: readonly [string, ...string[]];
  /** Called with the command's pid once it runs, or with undefined when it could not be started. */
  begin: (pid: number | undefined) => Recording;
  afterHeadCommit: () => Promise<string | null>;
}

/**
 * @returns the exit status that a shell would report: the command's own, 128 + n after a signal, 126 or 127 when it
 * could not be started
 */
export async function runCommand({ command, begin, afterHeadCommit }: RunCommandOptions): Promise<number> {
  const [file, ...args] = command;
  const child = spawn(file, args, { stdio: ['inherit', 'pipe', 'pipe'] });
  const failure = new Promise<Ending>((resolve) => child.on('error', (error) => resolve(startFailure(codeOf(error)))));
  const recording = begin(child.pid);
  recording.start();

  let end: Ending;
  if (child.pid === undefined) {
    end = await failure;
    const sentence = `node-agent: ${file} could not be started: ${end.exitStatus === 127 ? 'command not found' : 'cannot be executed'}`;
    process.stderr.write(`${sentence}\n`);
    recording.add('system', [sentence], now());
  } else {
    end = await outputAndEnd(child, recording);
  }
  await recording.finish(await executionEnd(end, afterHeadCommit));
  return end.exitStatus;
}

async function executionEnd(end: Ending, afterHeadCommit: () => Promise<string | null>): Promise<ExecutionEnd> {
  const completedAt = now();
  return { status: end.status, exitCode: end.exitCode, afterHeadCommit: await afterHeadCommit(), completedAt };
}

/** Passes the output on and records it until the command has ended and its output is closed. */
async function outputAndEnd(child: RecordedProcess, recording: Recording): Promise<Ending> {
  const streams: [Readable, number, 'stdout' | 'stderr'][] = [
    [child.stdout, 1, 'stdout'],
    [child.stderr, 2, 'stderr'],
  ];
  const passthrough = new Passthrough({
    full: () => streams.forEach(([stream]) => stream.pause()),
    ready: () => streams.forEach(([stream]) => stream.resume()),
    // the command then gets the SIGPIPE or EPIPE that it would have got without us
    closed: (fd) => streams.filter(([, target]) => target === fd).forEach(([stream]) => stream.destroy()),
  });
  for (const [stream, fd, outputType] of streams) {
    const splitter = new LineSplitter();
    stream.on('data', (chunk: Buffer) => {
      passthrough.write(fd, chunk);
      recording.add(outputType, splitter.push(chunk), now());
    });
    stream.once('close', () => recording.add(outputType, splitter.end(), now()));
    stream.on('error', (error) =>
      recording.add('system', [`node-agent: ${outputType} broke (${codeOf(error)})`], now()),
    );
  }
  const stopForwarding = forwardSignals(child, () => streams.forEach(([stream]) => stream.destroy()));
  const end = await new Promise<Ending>((resolve) =>
    child.once('close', (code, signal) => resolve(ending(code, signal))),
  );
  stopForwarding();
  await passthrough.flushed();
  return end;
}

/**
 * Hands signals to the command. A signal after its end (a background process holds its output open, for which we
 * wait as a shell's pipeline does) ends that wait.
 */
function forwardSignals(child: RecordedProcess, stopWaiting: () => void): () => void {
  const forward = (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) stopWaiting();
    // Ctrl-C reaches the terminal's whole foreground group: the command has it already
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
