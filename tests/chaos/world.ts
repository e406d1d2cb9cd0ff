/** Everything that one seed runs on: servers, hives, nodes, and the proxies between them. */
import { mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { openDatabase } from '../../prisma/client.js';
import { createNodeApiKey } from '../../prisma/queries/node-api-key.js';
import { ensureDefaultOrganization } from '../../prisma/queries/organization.js';
import type { PgBouncer } from '../harness/pgbouncer.js';
import { Pooler, type PoolMode } from '../harness/pooler.js';
import { FaultProxy } from './fault-proxy.js';
import { ChaosHive } from './hive.js';
import { ChaosNode } from './node.js';
import { HIVES } from './plan.js';
import { Servers } from '../harness/servers.js';
import type { Database } from '../../prisma/database.js';

export interface WorldOptions {
  name: string;
  nodes: number;
  /** Between the hives and the database's proxy. */
  pooler?: { program: PgBouncer; mode: PoolMode };
  /** @default HIVES */
  hives?: number;
  hiveEnv?: Record<string, string>;
  /** Sees what a node sends. */
  observe?: (node: number, chunk: Buffer, connection: number) => void;
}

/** Short waits, so that what a hive leaves to its schedule still happens during the run. */
const SHORT_WAITS = {
  HIVE_RECONCILE_INTERVAL_SECONDS: '2',
  HIVE_NODE_TIMEOUT_SECONDS: '10',
  HIVE_BACKFILL_TIMEOUT_MINUTES: '0.2',
};

// a killed server leaves its files to the operating system, which survives: there is no need to wait for the disk
const POSTGRES_SETTINGS = { fsync: 'off', max_connections: '100' };

/** Fewer than the hives have connections to the pooler, so that they share. */
const POOL_SIZE = 10;

export class ChaosWorld {
  readonly hives: ChaosHive[] = [];
  readonly nodes: ChaosNode[] = [];
  readonly #keys: string[] = [];
  #adminToken: string | undefined;

  private constructor(
    readonly directory: string,
    readonly servers: Servers,
    /** Between the hives and PostgreSQL. */
    readonly databaseProxy: FaultProxy,
    readonly pooler: Pooler | undefined,
    readonly databaseUrl: string,
    /** Bypasses the proxy, to look at what is stored. */
    readonly database: Database,
    readonly temporalAddress: string,
    /** The environment of every hive of this world. */
    readonly hiveEnv: Record<string, string>,
  ) {}

  /** Starts the servers. No hive runs yet, but nodes can record. */
  static async create(options: WorldOptions): Promise<ChaosWorld> {
    const directory = await mkdtemp(join(tmpdir(), `hivesync-chaos-${options.name}-`));
    const servers = new Servers(directory, POSTGRES_SETTINGS);
    try {
      const [databaseUrl, temporalAddress] = await Promise.all([servers.startPostgres(), servers.startTemporal()]);
      const direct = new URL(databaseUrl);
      const databaseProxy = await FaultProxy.listen({ target: () => Number(direct.port) });
      const proxied = new URL(databaseUrl);
      proxied.port = String(databaseProxy.port);
      const pooler =
        options.pooler && (await Pooler.start({ ...options.pooler, serverUrl: proxied.href, poolSize: POOL_SIZE }));
      const hiveEnv = {
        ...SHORT_WAITS,
        DATABASE_URL: pooler?.url(proxied.href) ?? proxied.href,
        TEMPORAL_ADDRESS: temporalAddress,
        ...options.hiveEnv,
      };
      const database = openDatabase(databaseUrl, 2);
      const world = new ChaosWorld(
        directory,
        servers,
        databaseProxy,
        pooler,
        databaseUrl,
        database,
        temporalAddress,
        hiveEnv,
      );
      world.#makeHives(options.hives ?? HIVES);
      await world.#makeNodes(options);
      return world;
    } catch (error) {
      await servers.end();
      throw error;
    }
  }

  /** GET as admin. @returns the answer, whatever its status */
  get(hive: ChaosHive, path: string, timeoutMs = 30_000): Promise<Response> {
    this.#adminToken ??= readFileSync(join(this.directory, 'hive-0', 'admin-token'), 'utf8').trim();
    const headers = { authorization: `Bearer ${this.#adminToken}` };
    return fetch(hive.url + path, { headers, signal: AbortSignal.timeout(timeoutMs) });
  }

  /** Lines that the hives have stored: of one attempt, or of all. */
  async linesStored(attemptId?: string): Promise<number> {
    const where = attemptId === undefined ? {} : { attemptId };
    const { _sum: sum } = await this.database.execution.aggregate({ where, _sum: { storedLines: true } });
    return sum.storedLines ?? 0;
  }

  /** For every session, the open ones too. */
  async setReadOnly(isReadOnly: boolean): Promise<void> {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`);
      await client.query('SELECT pg_reload_conf()');
    } finally {
      await client.end();
    }
  }

  async deleteSchedules(): Promise<void> {
    const connection = await Connection.connect({ address: this.temporalAddress });
    try {
      const { schedule } = new Client({ connection });
      for await (const { scheduleId } of schedule.list()) await schedule.getHandle(scheduleId).delete();
    } finally {
      await connection.close();
    }
  }

  /** Starts the hives one after another: the first one migrates the database. */
  async startHives(): Promise<void> {
    for (const hive of this.hives) await hive.start();
    const { id: organizationId } = await ensureDefaultOrganization(this.database);
    for (const { name } of this.nodes) {
      this.#keys.push((await createNodeApiKey(this.database, { organizationId, name })).secret);
    }
  }

  /** Stops everything and removes the directory, unless it is kept for inspection. */
  async end({ keep = false } = {}): Promise<void> {
    if (keep) await this.servers.keepDirectory();
    await Promise.allSettled(this.nodes.map((node) => node.end()));
    await Promise.allSettled(this.hives.map((hive) => hive.end('SIGKILL')));
    await this.database.$disconnect();
    await this.pooler?.end();
    await this.databaseProxy.close();
    await this.servers.end();
  }

  #makeHives(count: number): void {
    for (let number = 0; number < count; number++) {
      const HIVE_DATA_DIR = join(this.directory, `hive-${number}`);
      mkdirSync(HIVE_DATA_DIR);
      const hiveEnv = { ...this.hiveEnv, HIVE_DATA_DIR, HIVE_INSTANCE_ID: `hive-${number}` };
      this.hives.push(new ChaosHive(hiveEnv, join(this.directory, `hive-${number}.log`)));
    }
  }

  async #makeNodes({ nodes, observe }: WorldOptions): Promise<void> {
    for (let number = 0; number < nodes; number++) {
      const route = { hive: number % this.hives.length };
      const proxy = await FaultProxy.listen({
        target: () => this.hives[route.hive]?.port ?? 0,
        ...(observe && { observe: (chunk: Buffer, connection: number) => observe(number, chunk, connection) }),
      });
      const name = `node-${number}`;
      const node = new ChaosNode(join(this.directory, name), name, proxy, () => this.#keys[number] ?? '', route);
      this.nodes.push(node);
    }
  }
}
