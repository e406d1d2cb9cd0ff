/** The demo's processes: recorders, a hive with its embedded services, and connected nodes. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../project-root.js';

type Say = (text: string) => void;

const ROOT = projectRoot();
const HIVE = join(ROOT, 'dist', 'workers', 'hive.js');
const NODE_AGENT = join(ROOT, 'dist', 'node-agent', 'bundle', 'cli.js');

export interface DemoCommand {
  title: string;
  /** @default SHELL */
  executor?: string;
  command: string[];
}

export interface ListedAttempt {
  id: string;
  sync_state: string;
  lines_declared: number;
  lines_stored: number;
}

export class DemoStage {
  readonly #children: ChildProcess[] = [];
  #adminToken = '';
  hiveUrl = '';
  temporalUiUrl = '';

  private constructor(readonly directory: string) {}

  static async create(): Promise<DemoStage> {
    return new DemoStage(await mkdtemp(join(tmpdir(), 'hivesync-demo-')));
  }

  /** Records each command as an attempt, all at the same time. @returns the attempts' ids */
  async record(commands: DemoCommand[], say: Say, node = 'demo-node'): Promise<string[]> {
    return Promise.all(
      commands.map(async (each) => {
        const { attemptId, ended } = await this.begin(each, node);
        say(`   ${attemptId}  exit status ${await ended}  ${each.title}`);
        return attemptId;
      }),
    );
  }

  /** @returns the attempt, which is recorded until its command ends with a status */
  async begin(
    { title, executor = 'SHELL', command }: DemoCommand,
    node = 'demo-node',
  ): Promise<{ attemptId: string; ended: Promise<number | null> }> {
    const args = [NODE_AGENT, 'run', '--title', title, '--executor', executor, '--', ...command];
    const child = spawn(process.execPath, args, { env: this.#nodeEnv(node), stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children.push(child);
    const ended = once(child, 'close').then(([status]) => status as number | null);
    let stderr = '';
    const named = new Promise<string>((resolve) => {
      child.stderr.on('data', (data: Buffer) => {
        stderr += data.toString();
        const attemptId = /attempt ([0-9a-f-]{36})/.exec(stderr)?.[1];
        if (attemptId !== undefined) resolve(attemptId);
      });
    });
    const attemptId = await Promise.race([named, ended.then(() => undefined)]);
    if (attemptId === undefined) throw new Error(`the recorder did not name its attempt: ${stderr}`);
    return { attemptId, ended };
  }

  async startHive(say: Say): Promise<void> {
    const hive = fork(HIVE, ['start'], {
      env: {
        ...process.env,
        HIVE_DATA_DIR: join(this.directory, 'hive'),
        HIVE_PORT: '0',
        // servers of its own, whatever this shell uses
        DATABASE_URL: undefined,
        DIRECT_DATABASE_URL: undefined,
        HIVE_INSTALLATION: undefined,
        TEMPORAL_ADDRESS: undefined,
      },
      silent: true,
      detached: true, // Ctrl-C reaches the demo, which stops its processes in order
    });
    this.#children.push(hive);
    const log = createWriteStream(this.#hiveLogFile);
    hive.stdout?.pipe(log);
    hive.stderr?.pipe(log);
    const sayProgress = (data: Buffer) => {
      for (const line of data.toString().split('\n')) if (line.startsWith('{')) say(`   ${messageOf(line)}`);
    };
    hive.stdout?.on('data', sayProgress);
    const ended = once(hive, 'exit').then(() => {
      throw new Error('the hive ended during its start');
    });
    const [ready] = (await Promise.race([once(hive, 'message'), ended])) as [{ url: string; temporalUiUrl: string }];
    ended.catch(() => undefined);
    hive.stdout?.off('data', sayProgress);
    this.hiveUrl = ready.url;
    this.temporalUiUrl = ready.temporalUiUrl;
    this.#adminToken = (await readFile(join(this.directory, 'hive', 'admin-token'), 'utf8')).trim();
    say(`   API ${this.hiveUrl}   Temporal UI ${this.temporalUiUrl}`);
  }

  /** @param url of the hive as the node sees it */
  async connectNode(node = 'demo-node', url = this.hiveUrl.replace(/^http/, 'ws')): Promise<void> {
    const { secret } = await this.request<{ secret: string }>('POST', '/v1/nodes/api-keys', { name: node });
    const agent = fork(NODE_AGENT, ['connect'], {
      env: { ...this.#nodeEnv(node), HIVE_URL: url, NODE_API_KEY: secret },
      silent: true,
      detached: true,
    });
    agent.stdout?.resume();
    agent.stderr?.resume();
    this.#children.push(agent);
  }

  /**
   * Prints every change of state until all attempts are complete.
   * @throws Error if that takes more than two minutes
   */
  async untilComplete(attempts: string[], say: Say): Promise<void> {
    const seen = new Map<string, string>();
    const deadline = performance.now() + 120_000;
    while (attempts.some((attemptId) => seen.get(attemptId) !== 'complete')) {
      if (performance.now() > deadline) throw new Error(`not all attempts are complete: ${JSON.stringify([...seen])}`);
      for (const { id, sync_state: state } of await this.list(attempts)) {
        if (seen.get(id) === state) continue;
        seen.set(id, state);
        say(`   ${id}  ${state}`);
      }
      await sleep(10);
    }
  }

  /**
   * Sends a request as admin.
   * @throws Error with the API's own message
   */
  async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(method, path, body);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Uses the list: reading a single attempt would start its backfill. */
  async list(attempts: string[]): Promise<ListedAttempt[]> {
    const listed = await this.request<{ attempts: ListedAttempt[] }>('GET', '/v1/swarm/attempts');
    return listed.attempts.filter(({ id }) => attempts.includes(id));
  }

  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    }
  }

  /** @returns the last lines of the log */
  async hiveLog(): Promise<string> {
    const log = await readFile(this.#hiveLogFile, 'utf8').catch(() => '');
    return log.split('\n').slice(-15).join('\n');
  }

  get #hiveLogFile(): string {
    return join(this.directory, 'hive.log');
  }

  #fetch(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(this.hiveUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#adminToken}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  #nodeEnv(node: string): NodeJS.ProcessEnv {
    return { ...process.env, NODE_DATA_DIR: join(this.directory, node), NODE_NAME: node };
  }
}

function messageOf(line: string): string {
  return (JSON.parse(line) as { msg: string }).msg;
}
