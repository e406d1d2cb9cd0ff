/** The programs under test, as processes of their own. They end with the test: over IPC, also when it is killed. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../workers/project-root.js';

/** What `npm run build` made; also where this file itself is run from there. */
const DIST = join(projectRoot(), 'dist');

export interface ProgramOptions {
  args: string[];
  env: Record<string, string>;
  /** Where its output goes; dropped if not given. */
  logFile?: string;
  /** In a process group of its own: Ctrl-C does not reach it, its parent stops it. */
  detached?: boolean;
}

export class Program {
  private constructor(readonly child: ChildProcess) {}

  static start(script: 'workers/hive.js' | 'node-agent/cli.js', options: ProgramOptions): Program {
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

  /** The first message that the program sends. */
  async message<T>(): Promise<T> {
    const ended = new AbortController();
    const exit = once(this.child, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`program ended with ${String(code)} before it was ready`);
    });
    exit.catch(() => undefined);
    try {
      const [message] = (await Promise.race([once(this.child, 'message', { signal: ended.signal }), exit])) as [T];
      return message;
    } finally {
      ended.abort();
    }
  }

  /** Resolves when it has ended. @returns the exit code; null after a signal */
  async exit(): Promise<number | null> {
    if (!this.hasExited) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  /** Sends the signal and waits for the end. @returns the exit code; null after a signal */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.hasExited) {
      const exit = once(this.child, 'exit');
      this.child.kill(signal);
      await exit;
    }
    return this.child.exitCode;
  }
}

export interface ForkedHive {
  program: Program;
  /** Resolves when the API answers. */
  url: Promise<string>;
}

/** Runs `hive start`, on any free port unless HIVE_PORT is given. */
export function forkHive(options: Omit<ProgramOptions, 'args'>): ForkedHive {
  const env = { HIVE_PORT: '0', ...options.env };
  const program = Program.start('workers/hive.js', { ...options, env, args: ['start'] });
  return { program, url: program.message<{ url: string }>().then(({ url }) => url) };
}

/** The environment without what would configure a hive or a node. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HIVE_|NODE_|TEMPORAL_|DATABASE_URL|LOG_LEVEL)/.test(name)),
  );
}

/** With HIVESYNC_BENCH_PROFILE=DIRECTORY processes leave a CPU profile there. */
export function profiling(name: string): string[] {
  const directory = process.env['HIVESYNC_BENCH_PROFILE'];
  if (!directory) return [];
  return [
    '--cpu-prof',
    `--cpu-prof-dir=${directory}`,
    `--cpu-prof-name=${name.replaceAll('/', '-')}.${Date.now()}.cpuprofile`,
  ];
}
