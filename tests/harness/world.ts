/** A hive for one test: its own database, Temporal namespace and processes, and what is needed to inspect them. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection, type WorkflowExecutionInfo } from '@temporalio/client';
import { InstallationClient } from '../../backfills/installation.js';
import { openDatabase } from '../../prisma/client.js';
import { createNodeApiKey } from '../../prisma/queries/node-api-key.js';
import { ensureDefaultOrganization } from '../../prisma/queries/organization.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { NodeAgent } from './node-agent.js';
import { forkHive, type Program } from './processes.js';
import { testServices } from './services.js';
import { until } from './until.js';
import type { Database } from '../../prisma/database.js';

export interface HiveHandle {
  url: string;
  program: Program;
}

export class World {
  readonly #agents: NodeAgent[] = [];
  readonly #hives: HiveHandle[] = [];
  #adminToken: string | undefined;

  private constructor(
    readonly directory: string,
    readonly testDatabase: TestDatabase,
    readonly database: Database,
    /** Knows the names of an installation without a name. */
    readonly temporal: InstallationClient,
    readonly temporalAddress: string,
    readonly namespace: string,
  ) {}

  /**
   * @param temporalAddress of a Temporal server of the test's own. @default the test run's
   * @param namespace of an earlier world, to share it. @default one of its own
   * @param isNew whether the database is fresh, so that the first hive gives the installation a name. Otherwise it is as
   * one that is older than names, and the ids of workflows are short.
   */
  static async create({
    temporalAddress = testServices().temporalAddress,
    namespace,
    isNew = false,
  }: { temporalAddress?: string; namespace?: string; isNew?: boolean } = {}): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), 'hivesync-world-'));
    const testDatabase = await createTestDatabase();
    const connection = await Connection.connect({ address: temporalAddress });
    const own = namespace ?? `test-${randomUUID()}`;
    const id = randomUUID();
    const temporal = new InstallationClient({ connection, namespace: own }, { id, name: '' });
    const database = openDatabase(testDatabase.url);
    if (!isNew) await database.installation.create({ data: { id, name: '', nameInUse: '' } });
    const world = new World(directory, testDatabase, database, temporal, temporalAddress, own);
    if (namespace === undefined) await world.registerNamespace();
    return world;
  }

  async registerNamespace(): Promise<void> {
    await this.temporal.workflowService.registerNamespace({
      namespace: this.namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
  }

  /**
   * Starts a hive. On the port of an earlier one, that one's nodes come back by themselves.
   * @param isWaitedFor whether to wait until its workers run
   */
  async startHive(
    options: { port?: number; env?: Record<string, string>; isWaitedFor?: boolean } = {},
  ): Promise<HiveHandle> {
    const { program, url: ready } = forkHive({
      logFile: join(this.directory, 'hive.log'),
      env: {
        DATABASE_URL: this.testDatabase.url,
        TEMPORAL_ADDRESS: this.temporalAddress,
        TEMPORAL_NAMESPACE: this.namespace,
        HIVE_DATA_DIR: join(this.directory, 'hive'),
        ...(options.port !== undefined && { HIVE_PORT: String(options.port) }),
        ...options.env,
      },
    });
    const hive = { url: await ready, program };
    this.#hives.push(hive);
    const works = async () => (await this.readiness(hive)).workers === 'ok';
    if (options.isWaitedFor ?? true) await until(works, 60_000, 'workers are running');
    return hive;
  }

  async readiness(hive: HiveHandle): Promise<Record<string, string>> {
    return (await (await fetch(`${hive.url}/readyz`)).json()) as Record<string, string>;
  }

  async adminToken(): Promise<string> {
    return (this.#adminToken ??= (await readFile(join(this.directory, 'hive', 'admin-token'), 'utf8')).trim());
  }

  /**
   * GET as admin.
   * @throws Error if the answer is not a success
   */
  async get<T>(hive: HiveHandle, path: string): Promise<T> {
    const response = await fetch(hive.url + path, { headers: { authorization: `Bearer ${await this.adminToken()}` } });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Makes an API key for a node. Works even before a hive has started. */
  async newKey(): Promise<string> {
    const { id } = await ensureDefaultOrganization(this.database);
    return (await createNodeApiKey(this.database, { organizationId: id, name: 'test' })).secret;
  }

  /**
   * Waits until a visibility query finds at least `atLeast` ended workflow runs, because visibility lags.
   * @returns the runs
   */
  async workflowRuns(query: string, atLeast = 0): Promise<WorkflowExecutionInfo[]> {
    let runs: WorkflowExecutionInfo[] = [];
    const enough = async () => {
      runs = [];
      for await (const run of this.temporal.workflow.list({ query })) runs.push(run);
      return runs.length >= atLeast && (atLeast === 0 || runs.every((run) => run.status.name !== 'RUNNING'));
    };
    await until(enough, 60_000, `${atLeast} runs of ${query}`);
    return runs;
  }

  /** Makes a node with a directory of its own, which records and connects when told. */
  newAgent(name = `node-${this.#agents.length + 1}`): NodeAgent {
    const agent = new NodeAgent(join(this.directory, name), name);
    this.#agents.push(agent);
    return agent;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await Promise.all(this.#hives.map(({ program }) => program.kill('SIGTERM')));
    await this.temporal.connection.close();
    await this.database.$disconnect();
    await this.testDatabase.drop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
