/**
 * The programs under test, as processes of their own. They end when the test does, even if it is killed: the IPC
 * channel closes.
 */
import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { TestTerminal } from '../../node-agent/testing/terminal.js';
import { projectRoot } from '../../workers/project-root.js';

/** What `npm run build` made, even when this file itself runs from the sources. */
const DIST = join(projectRoot(), 'dist');
const HIVE = join(DIST, 'workers', 'hive.js');

export interface ProgramOptions {
  args: string[];
  env: Record<string, string>;
  /** Receives its output; without it the output is dropped. */
  logFile?: string;
  /** Runs it in a process group of its own: Ctrl-C does not reach it, its parent stops it. */
  detached?: boolean;
}

export class Program {
  private constructor(readonly child: ChildProcess) {}

  static start(script: 'workers/hive.js' | 'node-agent/bundle/cli.js', options: ProgramOptions): Program {
    const { args, env, logFile, detached = false } = options;
    const child = fork(join(DIST, script), args, {
      env: { ...cleanEnvironment(), ...env },
      silent: true,
      execArgv: profiling(script),
      detached,
    });
    const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
    for (const stream of [child.stdout, child.stderr]) {
      if (log) stream?.pipe(log, { end: false });
      else stream?.resume();
    }
    return new Program(child);
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /**
   * Waits for the next message that the program sends.
   * @throws Error if the program ends first
   */
  async message<T>(): Promise<T> {
    const [message] = (await whileRunning(this.child, 'no message came', (signal) =>
      once(this.child, 'message', { signal }),
    )) as [T];
    return message;
  }

  /** Waits for the end. @returns the exit code; null if a signal ended it */
  async exit(): Promise<number | null> {
    if (!this.hasExited) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  /** Sends the signal and waits for the end. @returns the exit code; null if a signal ended it */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.hasExited) {
      const exit = once(this.child, 'exit');
      this.child.kill(signal);
      await exit;
    }
    return this.child.exitCode;
  }
}

/**
 * Waits for something that only a running process brings about.
 * @param what begins the error's message
 * @param wait gets a signal that aborts when the waiting is over
 * @throws Error if the process ends first
 */
export async function whileRunning<T>(
  child: ChildProcess,
  what: string,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const exit = async (): Promise<never> => {
    const [code, signal] = (await once(child, 'exit', { signal: over.signal })) as [number | null, string | null];
    throw new Error(`${what}: the process ended with ${code ?? signal ?? 'nothing'}`);
  };
  try {
    return await Promise.race([wait(over.signal), exit()]);
  } finally {
    over.abort();
  }
}

export interface ForkedHive {
  program: Program;
  /** Resolves when the API answers. */
  url: Promise<string>;
}

/** Runs `hive start`, on any free port unless `env` has HIVE_PORT. */
export function forkHive(options: Omit<ProgramOptions, 'args'>): ForkedHive {
  const env = { HIVE_PORT: '0', ...options.env };
  const program = Program.start('workers/hive.js', { ...options, env, args: ['start'] });
  return { program, url: program.message<{ url: string }>().then(({ url }) => url) };
}

export interface CommandOutput {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a `hive` command to its end, with nothing in its environment but PATH and `env`, and as somebody who never logged in. */
export function runHive(args: string[], env: Record<string, string>): Promise<CommandOutput> {
  const options = { env: hiveEnvironment(env), maxBuffer: Infinity };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [HIVE, ...args], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (typeof status === 'number') resolve({ status, stdout, stderr });
      else reject(new Error('hive ended without an exit code', { cause: error }));
    });
  });
}

/** Runs a command of `hive` in a terminal. @returns the lines that it showed, as they were written */
export async function runHiveInTerminal(
  args: string[],
  env: Record<string, string>,
  columns: number,
): Promise<string[]> {
  const terminal = new TestTerminal([process.execPath, HIVE, ...args], { env: hiveEnvironment(env), columns });
  try {
    await terminal.ended;
    return stripVTControlCharacters(terminal.text).trimEnd().split('\r\n');
  } finally {
    terminal.close();
  }
}

/** What a command of `hive` gets, so that nothing of whoever runs the tests reaches it. */
function hiveEnvironment(env: Record<string, string>): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], XDG_CONFIG_HOME: '/nowhere', ...env };
}

/** The environment without the variables that would configure a hive or a node. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HIVE_|NODE_|TEMPORAL_|DATABASE_URL|LOG_LEVEL)/.test(name)),
  );
}

/** With HIVESYNC_BENCH_PROFILE=DIRECTORY, processes leave a CPU profile in that directory. */
export function profiling(name: string): string[] {
  const directory = process.env['HIVESYNC_BENCH_PROFILE'];
  if (!directory) return [];
  return [
    '--cpu-prof',
    `--cpu-prof-dir=${directory}`,
    `--cpu-prof-name=${name.replaceAll('/', '-')}.${Date.now()}.cpuprofile`,
  ];
}
