import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { Database } from '../../node-agent/store/sqlite.js';
import { storedLines } from '../../node-agent/testing/stored-lines.js';
import { projectRoot } from '../../workers/project-root.js';
import { Program } from './processes.js';

const LAUNCHER = join(projectRoot(), 'node-agent', 'bin', 'node-agent');
const RUN = join(projectRoot(), 'dist', 'node-agent', 'bundle', 'run.js');

/** A node agent with a directory of its own, run as its real processes. */
export class NodeAgent {
  readonly #extraEnv: Record<string, string>;
  #connection: Program | undefined;

  constructor(
    readonly directory: string,
    readonly name: string,
    extraEnv: Record<string, string> = {},
  ) {
    this.#extraEnv = extraEnv;
  }

  get env(): Record<string, string> {
    const NODE_AGENT_CONFIG = join(this.directory, 'node-agent.json');
    return { NODE_DATA_DIR: this.directory, NODE_AGENT_CONFIG, NODE_NAME: this.name, ...this.#extraEnv };
  }

  /** The process that stays connected; undefined if none was started, or it was stopped. */
  get connection(): Program | undefined {
    return this.#connection;
  }

  /**
   * Records a command until it ends.
   * @param cwd where it runs. @default where the test does
   * @returns the attempt's id and the recorder's exit status
   */
  async record(
    command: string[],
    options: string[] = [],
    cwd?: string,
  ): Promise<{ attemptId: string; status: number | null }> {
    const recorder = this.startRecording(command, options, cwd);
    const [status] = (await once(recorder.child, 'exit')) as [number | null];
    return { attemptId: await recorder.attemptId, status };
  }

  /** Starts recording a command. `attemptId` resolves when the recorder has named the attempt. */
  startRecording(command: string[], options: string[] = [], cwd?: string) {
    // the launcher keeps NODE_OPTIONS, which shift a clock, from the recorder
    const [file, first] = 'NODE_OPTIONS' in this.env ? [process.execPath, [RUN]] : [LAUNCHER, []];
    const child = spawn(file, [...first, 'run', ...options, '--', ...command], {
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...this.env },
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd,
    });
    const attemptId = new Promise<string>((resolve, reject) => {
      let said = '';
      child.stderr.on('data', (data: Buffer) => {
        said += data.toString();
        const match = /attempt ([0-9a-f-]{36})/.exec(said);
        if (match?.[1]) resolve(match[1]);
      });
      // at 'exit', what it has said may not have been read yet
      child.once('close', () => reject(new Error(`recorder ended without naming its attempt: ${said}`)));
    });
    attemptId.catch(() => undefined);
    return { child, attemptId };
  }

  /** Starts a process that connects to the hive and stays connected. */
  connect(hiveUrl: string, apiKey: string, options: string[] = []): Program {
    this.#connection = Program.start('node-agent/bundle/cli.js', {
      args: ['connect', ...options],
      logFile: `${this.directory}.log`,
      env: { ...this.env, HIVE_URL: hiveUrl.replace(/^http/, 'ws'), NODE_API_KEY: apiKey },
    });
    return this.#connection;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#connection?.kill(signal);
    this.#connection = undefined;
  }

  /** @returns the execution's lines in the node's own store */
  lines(executionId: string): string[] {
    const store = new Database(join(this.directory, 'node.db'), { readOnly: true });
    try {
      const key = store.value('SELECT key FROM execution WHERE id = ?', executionId) as number | undefined;
      return key === undefined ? [] : storedLines(store, key);
    } finally {
      store.close();
    }
  }
}

/** @returns a hash over type, content and timestamp of the lines, to compare long logs */
export function hashLines(lines: { output_type: string; content: string; timestamp: string }[]): string {
  const hash = createHash('sha256');
  for (const { output_type: type, content, timestamp } of lines) hash.update(`${type}\0${content}\0${timestamp}\n`);
  return hash.digest('hex');
}
