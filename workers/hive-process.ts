/** A whole hive: embedded parts where no address is given, database, gateway, API and Temporal workers. */
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { createBackfills } from '../api/backfills.js';
import { Gateway } from '../api/gateway/gateway.js';
import { createApp } from '../api/http/app.js';
import { createOidcVerifier } from '../api/http/oidc.js';
import { createHttpServer } from '../api/http/server.js';
import { openDatabase } from '../prisma/client.js';
import { createFirstAdminToken } from '../prisma/queries/first-admin-token.js';
import { signalDrain, startUnlessRunning, TEMPORAL_DEADLINE_MS } from '../workflows/starter.js';
import type { HiveConfig } from './config.js';
import { removeRunning, writeAdminToken, writeRunning } from './data-files.js';
import { startPageCheckThreads } from './page-check-threads.js';
import { startParts, type Parts } from './parts.js';
import { TemporalLink } from './temporal/temporal-link.js';

export interface HiveProcess {
  /** Of the API; the nodes' sockets are on the same port. */
  url: string;
  temporalUiUrl?: string;
  /** Lets what is under way end: leases, sockets, workers, then the embedded parts. */
  stop(): Promise<void>;
}

/** Starts a hive; resolves when the API answers. Temporal may still be on its way: /readyz tells. */
export async function startHive(config: HiveConfig, logger: Logger): Promise<HiveProcess> {
  const parts = await startParts(config, logger);
  try {
    return await serve(config, parts, logger);
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

async function serve(config: HiveConfig, parts: Parts, logger: Logger): Promise<HiveProcess> {
  const database = openDatabase(parts.databaseUrl);
  // connections of their own: when all nodes come back at once, readers must not wait in line behind them
  const readers = openDatabase(parts.databaseUrl);
  const secret = await createFirstAdminToken(database);
  if (secret !== undefined) {
    logger.info({ file: await writeAdminToken(config.dataDir, secret) }, 'first start: wrote an admin token');
  }
  const { nodeTimeoutSeconds, backfillConcurrency, backfillTimeoutMinutes, reconcileIntervalSeconds } = config;
  const stopping = new AbortController();
  const pageChecks = startPageCheckThreads();
  async function askTemporal<T>(request: (client: Client) => Promise<T>): Promise<T> {
    const { client } = link;
    if (!client) throw new Error('Temporal is not connected yet');
    return client.withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, () => request(client));
  }
  const queue = `gateway-${randomUUID()}`;
  const gateway = new Gateway({
    database,
    logger,
    queue,
    instanceId: config.instanceId,
    backfills: {
      atOnce: backfillConcurrency,
      drain: ({ nodeId, organizationId }) =>
        askTemporal((client) => {
          const drain = { nodeId, organizationId, concurrency: backfillConcurrency, nodeTimeoutSeconds };
          return signalDrain(client, drain, 'reconnect');
        }),
      start: ({ nodeId, organizationId, sessionId }, attemptId) =>
        askTemporal(async (client) => {
          const location = { queue, sessionId };
          const of = { attemptId, nodeId, organizationId, location, nodeTimeoutSeconds };
          const run = await startUnlessRunning(client, { ...of, trigger: 'reconnect', type: 'full_attempt' });
          return run !== undefined;
        }),
    },
  });
  const link: TemporalLink = new TemporalLink({
    connection: parts.temporal.connection,
    namespace: config.temporal.namespace,
    reconcileIntervalSeconds,
    hive: { database, logger, backfillConcurrency, nodeTimeoutSeconds, backfillTimeoutMinutes },
    gateway: { database, gateway, checkPage: pageChecks.checkPage, logger },
    logger,
  });
  const app = createApp({
    database: readers,
    logger,
    backfills: createBackfills({ client: () => link.client, database: readers, logger, nodeTimeoutSeconds }),
    health: () => ({ temporal: link.state.temporal === 'ok', workers: link.state.workers === 'ok' }),
    ...(config.oidc && { oidc: createOidcVerifier(readers, config.oidc) }),
    stopping: stopping.signal,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    ...(config.publicUrl !== undefined && { publicUrl: config.publicUrl }),
    workflowUrl: (workflowId, runId) => parts.temporal.workflowUrl(workflowId, runId),
  });
  const server = createHttpServer(app);
  gateway.attach(server);
  link.start();
  const url = await listen(server, config);
  await writeRunning(config.dataDir, {
    pid: process.pid,
    url,
    databaseUrl: parts.databaseUrl,
    temporalAddress: parts.temporal.connection.address,
    temporalUiUrl: parts.temporal.uiUrl,
  });
  logger.info({ url, temporalUiUrl: parts.temporal.uiUrl }, 'hive is listening');
  return {
    url,
    ...(parts.temporal.uiUrl !== undefined && { temporalUiUrl: parts.temporal.uiUrl }),
    stop() {
      stopping.abort();
      return inOrder(logger, [
        () => gateway.stop(),
        () => link.stop(),
        () => pageChecks.stop(),
        () => closeServer(server),
        () => readers.$disconnect(),
        () => database.$disconnect(),
        () => removeRunning(config.dataDir),
        () => parts.stop(),
      ]);
    },
  };
}

/** One step that fails must not keep the later ones, least of all the embedded servers, from stopping. */
async function inOrder(logger: Logger, steps: (() => Promise<void>)[]): Promise<void> {
  for (const step of steps) {
    await step().catch((error: unknown) => logger.error({ err: error }, 'a part did not stop as it should'));
  }
}

function listen(server: Server, { host, port }: HiveConfig): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const { port: actual } = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${actual}`);
    });
  });
}

/** Ends idle connections at once, others when their answer is out, at the latest after 5 s. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), 5000);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
