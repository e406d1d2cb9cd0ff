/** A gateway in the test's own process, on a database of its own. */
import { createServer, type Server } from 'node:http';
import { pino } from 'pino';
import { Gateway, type GatewayDeps } from '../../gateway/gateway.js';
import type { BatchConnection } from '../../gateway/interface.js';
import { openDatabase } from '../../prisma/client.js';
import type { Database } from '../../prisma/database.js';
import { createNodeApiKey } from '../../prisma/queries/node-api-key.js';
import { ensureOrganization } from '../../prisma/queries/organization.js';
import { createTestDatabase } from './database.js';
import { listen } from './listen.js';
import type { ScriptedV1Node } from './scripted-v1-node.js';
import { until } from './until.js';

export interface TestGateway {
  gateway: Gateway;
  /** What it was made with, for another one beside it. */
  deps: GatewayDeps;
  database: Database;
  /** Address of the database. */
  databaseUrl: string;
  server: Server;
  url: string;
  organizationId: string;
  /** The nodes whose drain was requested, in order. */
  drained: string[];
  newKey(): Promise<{ secret: string; id: string }>;
  stop(): Promise<void>;
}

/** For tests of something else: the hive asks a version 1 node what has ended when it logs in, and never after that. */
export const ASKS_AT_LOGIN_ONLY = { roundMs: 3_600_000, quietMs: 3_600_000, sweepMs: 3_600_000 };

type TestOptions = Pick<GatewayDeps, 'markerMs' | 'authTimeoutMs' | 'watchBounds' | 'messageLimits' | 'largeMessages'>;

export async function startTestGateway(options: TestOptions = {}): Promise<TestGateway> {
  const testDatabase = await createTestDatabase();
  const database = openDatabase(testDatabase.url);
  const { id: organizationId } = await ensureOrganization(database, 'default');
  const drained: string[] = [];
  const deps: GatewayDeps = {
    database,
    logger: pino({ level: process.env['HIVESYNC_TEST_LOG_LEVEL'] ?? 'silent' }),
    queue: 'gateway-test',
    instanceId: 'test',
    backfills: {
      concurrency: 10,
      drain: ({ nodeId }) => Promise.resolve(void drained.push(nodeId)),
      start: () => Promise.resolve(true),
    },
    ...options,
  };
  const gateway = new Gateway(deps);
  const server = createServer();
  gateway.attach(server);
  return {
    gateway,
    deps,
    database,
    databaseUrl: testDatabase.url,
    server,
    url: await listen(server),
    organizationId,
    drained,
    async newKey() {
      const { secret, apiKey } = await createNodeApiKey(database, { organizationId, name: 'test' });
      return { secret, id: apiKey.id };
    },
    async stop() {
      await gateway.stop();
      server.close();
      await database.$disconnect();
      await testDatabase.drop();
    },
  };
}

/**
 * Waits until a version 1 node has answered what the hive asks it at each login, and the answer is stored.
 * @param asksBefore how often the node had been asked before the login
 */
export function askedAtLogin(database: Database, node: ScriptedV1Node, nodeId: string, asksBefore = 0): Promise<void> {
  const where = { nodeId, attemptId: null };
  return until(async () => node.asks > asksBefore && (await database.backfillRequest.count({ where })) === 0);
}

/** @returns what activities see of a version 1 node @throws Error if the gateway does not have its socket */
export function batchConnectionTo(gateway: Gateway, nodeId: unknown): BatchConnection {
  const connection = gateway.connectionTo(String(nodeId));
  if (connection?.protocol !== 1) throw new Error('no connection of version 1');
  return connection;
}
