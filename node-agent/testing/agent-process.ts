/** For tests: the built node-agent as processes, on a store of their own. */
import { spawn, spawnSync, type ChildProcess, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import type { LogLine } from '../../protocol/page.js';
import type { ExecutionRow } from '../store/rows.js';
import { Database } from '../store/sqlite.js';
import { storedLines } from './stored-lines.js';

/** What users run; it starts what `npm run build` bundled. */
const NODE_AGENT = new URL('../bin/node-agent', import.meta.url).pathname;

export interface StoredExecution extends ExecutionRow {
  lines: LogLine[];
}

export interface StartOptions {
  /** What starts it, for example unshare with its options. */
  launcher?: string[];
  stdout?: 'pipe' | 'ignore';
}

export class AgentProcesses {
  readonly #variables: NodeJS.ProcessEnv;

  /** @param variables of the environment, beside those of this process */
  constructor(
    readonly dataDir: string,
    variables: NodeJS.ProcessEnv = {},
  ) {
    this.#variables = variables;
  }

  get env(): NodeJS.ProcessEnv {
    const NODE_AGENT_CONFIG = join(this.dataDir, 'node-agent.json');
    // a test must not use the key of the person who runs it
    const own = { NODE_API_KEY: '', NODE_AGENT_CONFIG, NODE_DATA_DIR: this.dataDir, HIVE_URL: '', LOG_LEVEL: '' };
    return { ...process.env, ...own, ...this.#variables };
  }

  /** Runs a command of the agent to its end. */
  run(...args: string[]): SpawnSyncReturns<string> {
    return this.runProgram(NODE_AGENT, ...args);
  }

  /** Runs another program to its end, for example one that starts the agent, in the same environment. */
  runProgram(file: string, ...args: string[]): SpawnSyncReturns<string> {
    return spawnSync(file, args, { env: this.env, encoding: 'utf8', maxBuffer: 1 << 28 });
  }

  start(args: string[], { launcher = [], stdout = 'pipe' }: StartOptions = {}): RunningAgent {
    const [file = '', ...rest] = [...launcher, NODE_AGENT, ...args];
    return new RunningAgent(spawn(file, rest, { env: this.env, stdio: ['ignore', stdout, 'pipe'] }));
  }

  /** @returns a row of the store for each execution, oldest first */
  rows(): ExecutionRow[] {
    return this.#read((db) => db.prepare<ExecutionRow>('SELECT * FROM execution ORDER BY key').all());
  }

  /** @returns what the store contains, read without the code under test */
  executions(): StoredExecution[] {
    return this.rows().map((row) => ({ ...row, lines: this.lines(row.key) }));
  }

  lines(executionKey: number): LogLine[] {
    return this.#read((db) => storedLines(db, executionKey).map((line) => JSON.parse(line) as LogLine));
  }

  #read<T>(work: (db: Database) => T): T {
    const db = new Database(join(this.dataDir, 'node.db'), { readOnly: true });
    try {
      return work(db);
    } finally {
      db.close();
    }
  }
}

export class RunningAgent {
  stdout = '';
  stderr = '';
  readonly ended: Promise<number | null>;
  /** All that it has printed is here: its exit may be known before. */
  #hasEnded = false;

  constructor(readonly child: ChildProcess) {
    // a character may be split over chunks
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = once(child, 'close').then(([status]) => {
      this.#hasEnded = true;
      return status as number | null;
    });
  }

  /** Waits until it has printed this text, on stdout or stderr. */
  async printed(text: string): Promise<void> {
    while (!this.stdout.includes(text) && !this.stderr.includes(text)) {
      if (this.#hasEnded) throw new Error(`ended without printing ${text}: ${this.stderr}`);
      await sleep(10);
    }
  }
}

/** @returns whether this command succeeds here, so that tests that need what it does can run */
export function succeeds(file: string, ...args: string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0;
}
