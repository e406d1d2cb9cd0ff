/** What a benchmark runs on: its own servers, hives and nodes, all gone when it ends. */
import { get, type Agent } from 'node:http';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { newNodeKeySecret } from '../../prisma/secrets.js';
import { HelperProcess } from '../../tests/harness/helper-process.js';
import { forkHive, Program } from '../../tests/harness/processes.js';
import { Servers } from '../../tests/harness/servers.js';
import { within } from '../../tests/harness/until.js';

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
    const servers = new Servers(directory);
    try {
      const [databaseUrl, temporalAddress] = await Promise.all([servers.startPostgres(), servers.startTemporal()]);
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

  /** Starts a hive whose schedule stays out of the way. Resolves when its workers run. */
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

  /** Connects a node agent whose store is in the directory, with an API key of its own. */
  async connectNode(hive: RunningHive, directory: string): Promise<RunningProgram> {
    const [apiKey = ''] = await this.newKeys(1);
    const program = Program.start('node-agent/bundle/cli.js', {
      args: ['connect'],
      env: {
        NODE_DATA_DIR: directory,
        NODE_NAME: 'bench',
        NODE_API_KEY: apiKey,
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

  /** Makes API keys for nodes, in the database: the API makes only one per request. */
  async newKeys(count: number): Promise<string[]> {
    const secrets = Array.from({ length: count }, () => newNodeKeySecret());
    await this.database.query(
      `INSERT INTO node_api_key (id, organization_id, name, key_prefix, key_hash)
       SELECT gen_random_uuid(), (SELECT id FROM organization WHERE name = 'default'), 'bench', key.prefix, key.hash
       FROM unnest($1::text[], $2::text[]) AS key (prefix, hash)`,
      [secrets.map(({ prefix }) => prefix), secrets.map(({ hash }) => hash)],
    );
    return secrets.map(({ secret }) => secret);
  }

  /**
   * GET as admin, over the agent's open connections.
   * @returns the answer's body
   * @throws Error if the status is not 200
   */
  get(agent: Agent, url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      get(url, { agent, headers: this.authorization }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`${url}: ${text}`))));
      }).on('error', reject);
    });
  }

  /** Of the first hive, which makes it. */
  get adminToken(): string {
    return this.#adminToken;
  }

  get authorization(): Record<string, string> {
    return { authorization: `Bearer ${this.#adminToken}` };
  }

  /** @returns the first row of a query on the hive's database */
  async row<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T> {
    const [row] = (await this.database.query<T>(sql, values)).rows;
    if (!row) throw new Error(`no row: ${sql}`);
    return row;
  }

  /** Resolves when `count` attempts are complete. Looks seldom, because it reads a row of each. */
  async untilComplete(count: number, timeoutMs = 300_000): Promise<void> {
    const sql = "SELECT count(*) FILTER (WHERE state = 'complete')::int AS complete FROM attempt_sync";
    await this.until(async () => (await this.row<{ complete: number }>(sql)).complete >= count, timeoutMs, 250);
  }

  /** @throws Error if the time runs out first */
  async until(condition: () => Promise<boolean>, timeoutMs = 60_000, everyMs = 50): Promise<void> {
    const isTrue = () => {
      this.signal.throwIfAborted();
      return condition();
    };
    const took = await within(timeoutMs, isTrue, everyMs);
    if (took === undefined) throw new Error(`not within ${timeoutMs / 1000} s; see the logs in ${this.directory}`);
  }

  /** Stops everything, in the reverse order of starting, and removes the directory. */
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
