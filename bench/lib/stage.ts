/** What a benchmark runs on: servers, hives and nodes of its own, all gone when it ends. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { HelperProcess } from '../../tests/harness/helper-process.js';
import { forkHive, Program } from '../../tests/harness/processes.js';

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
    const servers = new HelperProcess('bench/lib/servers-process', [directory]);
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
    const { program, url: ready } = forkHive({
      env: {
        DATABASE_URL: this.databaseUrl,
        TEMPORAL_ADDRESS: this.temporalAddress,
        HIVE_DATA_DIR: dataDir,
        HIVE_RECONCILE_INTERVAL_SECONDS: '86400',
        LOG_LEVEL: 'warn',
        ...env,
      },
      logFile: join(this.directory, 'hive.log'),
      detached: true, // Ctrl-C reaches the benchmark, which stops its processes in order
    });
    const running = this.#stopAtEnd(program);
    const url = await ready;
    this.#adminToken ||= (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
    await this.until(async () => {
      const answer = (await (await fetch(`${url}/readyz`)).json()) as { workers?: string };
      return answer.workers === 'ok';
    });
    return { url, ...running };
  }

  /** Connects a node agent that keeps its store in the directory, with a key of its own. */
  async connectNode(hive: RunningHive, directory: string): Promise<RunningProgram> {
    const program = Program.start('node-agent/cli.js', {
      args: ['connect'],
      env: {
        NODE_DATA_DIR: directory,
        NODE_NAME: 'bench',
        NODE_API_KEY: await this.newKey(hive),
        HIVE_URL: hive.url.replace(/^http/, 'ws'),
        LOG_LEVEL: 'warn',
      },
      logFile: join(this.directory, 'node-agent.log'),
      detached: true,
    });
    return this.#stopAtEnd(program);
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

  #stopAtEnd(program: Program): RunningProgram {
    const stop = async () => {
      await program.kill('SIGTERM');
    };
    this.#ends.push(stop);
    return { pid: program.child.pid ?? 0, stop };
  }
}
