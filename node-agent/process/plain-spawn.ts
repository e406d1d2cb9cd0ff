/** Runs a command by Node's own `spawn`, where the C library cannot be called: less exactly, but it runs. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { codeOf } from '../errors.js';
import type { ChildEnd } from './child.js';
import { resolvable, type CommandOutput, type OutputType, type StartResult } from './running-command.js';
import { send } from './signals.js';

const FORWARDED = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;

export interface PlainSpawnOptions {
  argv: readonly Buffer[];
  environment: readonly Buffer[];
  /** Without it the command runs on this process's own descriptors. */
  output?: (type: OutputType, bytes: Buffer) => void;
}

export async function plainSpawn({ argv, environment, output }: PlainSpawnOptions): Promise<StartResult> {
  const [file = '', ...args] = argv.map(String);
  const [ended, end] = resolvable<ChildEnd>();
  const [askedToLeave, leave] = resolvable<undefined>();
  let isOver = false;
  try {
    const child = spawn(file, args, {
      stdio: output ? ['inherit', 'pipe', 'pipe'] : 'inherit',
      env: variables(environment),
    });
    const failure = await new Promise<string | undefined>((resolve) => {
      child.once('spawn', () => resolve(undefined));
      child.once('error', (error) => resolve(codeOf(error)));
    });
    const { pid } = child;
    if (failure !== undefined || pid === undefined) return { errno: failure ?? 'EAGAIN' };
    child.on('exit', (code, signal) => {
      isOver = true;
      end({ code, signal: signal && constants.signals[signal] });
    });
    for (const signal of FORWARDED) {
      process.on(signal, () => {
        if (isOver) leave(undefined);
        else if (!(signal === 'SIGINT' && process.stdin.isTTY)) send(pid, signal);
      });
    }
    return {
      pid,
      ended,
      askedToLeave,
      output: new StreamOutput({ stdout: child.stdout, stderr: child.stderr }, output),
      close: () => undefined,
    };
  } catch (error) {
    return { errno: codeOf(error) }; // Node throws some failures, and emits others
  }
}

function variables(environment: readonly Buffer[]): NodeJS.ProcessEnv {
  const entries = environment.map((variable) => {
    const text = variable.toString();
    const at = text.indexOf('=');
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return Object.fromEntries(entries);
}

class StreamOutput implements CommandOutput {
  readonly closed: Promise<void>;
  readonly #streams: ReadonlyMap<OutputType, Readable>;

  constructor(streams: Record<OutputType, Readable | null>, output: PlainSpawnOptions['output']) {
    const types = ['stdout', 'stderr'] as const;
    this.#streams = new Map(types.flatMap((type) => (streams[type] ? [[type, streams[type]]] : [])));
    const closed = [...this.#streams].map(([type, stream]) => {
      stream.on('data', (bytes: Buffer) => output?.(type, bytes));
      stream.on('error', () => undefined); // 'close' follows
      return new Promise<void>((resolve) => stream.once('close', resolve));
    });
    this.closed = Promise.all(closed).then(() => undefined);
  }

  /** Nothing else can go on reading them. */
  readonly open: [OutputType, number][] = [];

  pause(): void {
    for (const stream of this.#streams.values()) stream.pause();
  }

  resume(): void {
    for (const stream of this.#streams.values()) stream.resume();
  }

  giveBack(): void {
    // streams take memory of their own
  }

  commandEnded(): void {
    // streams end by themselves
  }

  close(type: OutputType): void {
    this.#streams.get(type)?.destroy();
  }

  stop(): void {
    this.pause();
  }
}
