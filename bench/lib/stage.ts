/** What a benchmark runs on: servers, hives and nodes of its own, all gone when it ends. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { projectRoot } from '../../workers/project-root.js';
import { HelperProcess, profiling } from './helper-process.js';

const DIST = join(projectRoot(), 'dist');

export interface RunningProgram {
  pid: number;
  stop(): Promise<void>;
}

export interface RunningHive extends RunningProgram {
  url: string;
}

export class Stage {
  readonly #ends: (() => Promise<void>)[] = [];
  #adminToken = '';

  private constructor(
    readonly directory: string,
    readonly databaseUrl: string,
    readonly database: pg.Pool,
    readonly temporalAddress: string,
    readonly temporal: Client,
    readonly signal: AbortSignal,
  ) {}

  static async create(signal: AbortSignal): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'hivesync-bench-'));
    const servers = new HelperProcess('servers-process', [directory]);
    try {
      const { databaseUrl, temporalAddress } =
        await servers.ask<Record<'databaseUrl' | 'temporalAddress', string>>('start');
      const database = new pg.Pool({ connectionString: databaseUrl, max: 4 });
      database.on('error', () => undefined);
      const connection = await Connection.connect({ address: temporalAddress });
      const temporal = new Client({ connection });
      const stage = new Stage(directory, databaseUrl, database, temporalAddress, temporal, signal);
      stage.#ends.push(
        () => servers.end(),
        () => database.end(),
        () => connection.close(),
      );
      return stage;
    } catch (error) {
      await servers.end();
      throw error;
    }
  }

  /** Starts a hive whose schedule stays out of the way; resolves when its workers run. */
  async startHive(env: Record<string, string> = {}): Promise<RunningHive> {
    const dataDir = join(this.directory, 'hive');
    const { child, stop } = this.#start('workers/hive.js', ['start'], {
      DATABASE_URL: this.databaseUrl,
      TEMPORAL_ADDRESS: this.temporalAddress,
      HIVE_DATA_DIR: dataDir,
      HIVE_PORT: '0',
      HIVE_RECONCILE_INTERVAL_SECONDS: '86400',
      LOG_LEVEL: 'warn',
      ...env,
    });
    const [{ url }] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('the hive ended while it started'))),
    ])) as [{ url: string }];
    this.#adminToken ||= (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
    await this.until(async () => {
      const answer = (await (await fetch(`${url}/readyz`)).json()) as { workers?: string };
      return answer.workers === 'ok';
    });
    return { url, pid: child.pid ?? 0, stop };
  }

  /** Connects a node agent that keeps its store in the directory, with a key of its own. */
  async connectNode(hive: RunningHive, directory: string): Promise<RunningProgram> {
    const { child, stop } = this.#start('node-agent/cli.js', ['connect'], {
      NODE_DATA_DIR: directory,
      NODE_NAME: 'bench',
      NODE_API_KEY: await this.newKey(hive),
      HIVE_URL: hive.url.replace(/^http/, 'ws'),
      LOG_LEVEL: 'warn',
    });
    return { pid: child.pid ?? 0, stop };
  }

  startHelper(script: string, args: string[] = []): HelperProcess {
    const helper = new HelperProcess(script, args);
    this.#ends.push(() => helper.end());
    return helper;
  }

  async newKey(hive: RunningHive): Promise<string> {
    const response = await this.request(hive, 'POST', '/v1/nodes/api-keys', { name: 'bench' });
    return ((await response.json()) as { secret: string }).secret;
  }

  /** As admin. @throws Error where the answer is not a success */
  async request(hive: RunningHive, method: string, path: string, body?: unknown): Promise<Response> {
    const response = await fetch(hive.url + path, {
      method,
      headers: { ...this.authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  get authorization(): Record<string, string> {
    return { authorization: `Bearer ${this.#adminToken}` };
  }

  /** The first row of a query on the hive's database. */
  async row<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T> {
    const [row] = (await this.database.query<T>(sql, values)).rows;
    if (!row) throw new Error(`no row: ${sql}`);
    return row;
  }

  /** Resolves when so many attempts are complete; looks seldom, for it reads a row of each. */
  async untilComplete(count: number, timeoutMs = 300_000): Promise<void> {
    const sql = "SELECT count(*) FILTER (WHERE state = 'complete')::int AS complete FROM attempt_sync";
    await this.until(async () => (await this.row<{ complete: number }>(sql)).complete >= count, timeoutMs, 250);
  }

  async until(condition: () => Promise<boolean>, timeoutMs = 60_000, everyMs = 50): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await condition())) {
      this.signal.throwIfAborted();
      if (Date.now() > deadline) throw new Error(`not within ${timeoutMs / 1000} s; see the logs in ${this.directory}`);
      await sleep(everyMs);
    }
  }

  /** Stops everything, what was started last first, and removes the directory. */
  async end(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end().catch(() => undefined);
  }

  #start(script: string, args: string[], env: Record<string, string>) {
    const child = fork(join(DIST, script), args, {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      silent: true,
      execArgv: profiling(script),
      detached: true, // Ctrl-C reaches the benchmark, which stops its processes in order
    });
    const log = createWriteStream(join(this.directory, `${script.replace('/', '-')}.log`), { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    const stop = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    };
    this.#ends.push(stop);
    return { child, stop };
  }
}
