/** Runs a command as if it ran on its own, and records what it prints. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import type { ChildEnd } from '../process/child.js';
import type { Launch } from '../process/launch.js';
import { holders, leftBehindSentence, passOnWithout } from '../process/left-behind.js';
import { libc, type Libc } from '../process/libc.js';
import { startInherited, startWithPipes, type ModeOptions } from '../process/pipes-mode.js';
import { plainSpawn } from '../process/plain-spawn.js';
import type { OutputType, RunningCommand, StartResult } from '../process/running-command.js';
import { startOnTerminal } from '../process/terminal-mode.js';
import type { ExecutionEnd } from '../store/recorded.js';
import { recordedEnd, startFailure } from './command.js';
import { Passthrough } from './passthrough.js';

const TARGETS: Record<OutputType, number> = { stdout: 1, stderr: 2 };
const PAUSED_LOOK_MS = 20;

/** What records the execution. None of its functions throws, but for {@link finish}. */
export interface Recorder {
  start(): void;
  /** The bytes may be reused afterwards. */
  output(type: OutputType, bytes: Buffer): void;
  system(sentence: string): void;
  finish(end: ExecutionEnd): Promise<void>;
}

export interface RunCommandOptions {
  launch: Launch;
  /** The command and its arguments, as bytes. */
  argv: readonly Buffer[];
  environment: readonly Buffer[];
  onTerminal: boolean;
  lingerSeconds: number;
  /**
   * Called with the command's pid once it runs, or with undefined if it could not be started. Without it the command
   * runs unrecorded, on this process's own descriptors.
   */
  begin?: (pid: number | undefined, output: Pausable) => Recorder;
  headCommit: () => string | null;
  /** Says one sentence to the person at the terminal. */
  say: (sentence: string) => void;
  /** Told the pid of the command once it runs. */
  started: (pid: number) => void;
}

/** The command's output: while it is not read, the command waits, as with any pipe whose reader is slow. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

/** @returns how the command ended, with 126 or 127 if it could not be started */
export async function runCommand(options: RunCommandOptions): Promise<ChildEnd> {
  // nothing is read before the next turn of the event loop
  const received: { take?: (type: OutputType, bytes: Buffer) => void } = {};
  if (!options.begin) return runUnrecorded(options);
  const started = await start(options, (type, bytes) => received.take?.(type, bytes));
  if ('errno' in started) return couldNotStart(options, started.errno);

  const { begin } = options;
  options.started(started.pid);
  const pausing = new Pausing(started.output);
  const recorder = begin(started.pid, pausing.one());
  const passthrough = passOn(started, pausing);
  received.take = (type, bytes) => {
    // in this order: what somebody has seen was recorded, at whatever moment this process is killed
    recorder.output(type, bytes);
    passthrough.write(TARGETS[type], bytes);
  };
  recorder.start();
  const end = await started.ended;
  const isClosed = await lastOutput(started, pausing, options.lingerSeconds);
  await Promise.race([passthrough.flushed(), started.askedToLeave]);
  if (!isClosed) leaveBehind(started, recorder, options.lingerSeconds);
  started.close();
  await finish(recorder, options, end);
  return end;
}

/** Whatever fails here, `run` ends as the command ended. */
async function finish(recorder: Recorder, { headCommit, say }: RunCommandOptions, end: ChildEnd): Promise<void> {
  try {
    await recorder.finish({
      ...recordedEnd(end),
      afterHeadCommit: headCommit(),
      completedAt: new Date().toISOString(),
    });
  } catch (error) {
    say(`the end of the command could not be recorded: ${messageOf(error)}`);
  }
}

async function start(options: RunCommandOptions, output: ModeOptions['output']): Promise<StartResult> {
  const { argv, environment, launch, onTerminal, say } = options;
  const functions: Libc | undefined = libc();
  if (!functions) return plainSpawn({ argv, environment, output });
  const mode: ModeOptions = { libc: functions, launch, argv, environment, output };
  if (!onTerminal) return startWithPipes(mode);
  try {
    return startOnTerminal(mode);
  } catch (error) {
    say(`${messageOf(error)}, so the command gets pipes`);
    return startWithPipes(mode);
  }
}

async function runUnrecorded(options: RunCommandOptions): Promise<ChildEnd> {
  const { argv, environment, launch, started } = options;
  const functions = libc();
  const result = functions
    ? startInherited({ libc: functions, launch, argv, environment })
    : await plainSpawn({ argv, environment });
  if ('errno' in result) return couldNotStart(options, result.errno);
  started(result.pid);
  return result.ended;
}

async function couldNotStart(options: RunCommandOptions, errno: string): Promise<ChildEnd> {
  const end = startFailure(errno);
  const why = end.code === 127 ? 'command not found' : `cannot be executed (${errno})`;
  const sentence = `${String(options.argv[0])} could not be started: ${why}`;
  const recorder = options.begin?.(undefined, { pause: () => undefined, resume: () => undefined });
  recorder?.start();
  options.say(sentence);
  if (!recorder) return end;
  recorder.system(`node-agent: ${sentence}`);
  await finish(recorder, options, end);
  return end;
}

function passOn({ output }: RunningCommand, pausing: Pausing): Passthrough {
  const pausable = pausing.one();
  return new Passthrough({
    full: () => pausable.pause(),
    ready: () => pausable.resume(),
    closed: (fd) => output.close(fd === TARGETS.stdout ? 'stdout' : 'stderr'),
    written: (bytes) => output.giveBack(bytes),
  });
}

/**
 * Takes what the command has printed last, and waits for a while for what it has left behind. While somebody is slow to
 * read, it waits on: nothing printed until then is lost.
 * @returns whether nothing was left behind
 */
async function lastOutput(
  { output, askedToLeave }: RunningCommand,
  pausing: Pausing,
  seconds: number,
): Promise<boolean> {
  output.commandEnded();
  let [isClosed, isOver] = [false, false];
  void output.closed.then(() => (isClosed = true));
  void askedToLeave.then(() => (isOver = true));
  const timer = new AbortController();
  const lingered = sleep(seconds * 1000, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([output.closed, askedToLeave, lingered]);
  timer.abort();
  while (!isClosed && !isOver && pausing.isPaused) await sleep(PAUSED_LOOK_MS);
  if (!isClosed) output.commandEnded();
  await Promise.resolve();
  output.stop();
  return isClosed || output.open.length === 0;
}

function leaveBehind({ output, terminalPath }: RunningCommand, recorder: Recorder, lingerSeconds: number): void {
  const functions = libc();
  const fds = output.open.map(([, fd]) => fd);
  recorder.system(leftBehindSentence(holders(fds, terminalPath), lingerSeconds));
  if (functions) for (const [type, fd] of output.open) passOnWithout(functions, fd, TARGETS[type]);
}

/** The output is read while nobody has paused it. */
class Pausing {
  readonly #output: Pausable;
  readonly #paused = new Set<Pausable>();

  constructor(output: Pausable) {
    this.#output = output;
  }

  get isPaused(): boolean {
    return this.#paused.size > 0;
  }

  one(): Pausable {
    const self: Pausable = {
      pause: () => {
        this.#paused.add(self);
        this.#output.pause();
      },
      resume: () => {
        if (this.#paused.delete(self) && this.#paused.size === 0) this.#output.resume();
      },
    };
    return self;
  }
}
