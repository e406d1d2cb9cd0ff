/** A whole hive: its backing services, database, gateway, API and Temporal workers. */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createNodeBackfills } from '../backfills/for-nodes.js';
import { createBackfills } from '../backfills/for-readers.js';
import { TemporalDoor } from '../backfills/temporal-door.js';
import { Gateway } from '../gateway/gateway.js';
import { createApp, createHttpServer } from '../api/app.js';
import { createOidcVerifier } from '../api/oidc.js';
import { createOidcSignIn } from '../api/session/oidc-sign-in.js';
import type { AppDependencies } from '../api/dependencies.js';
import { openDatabase } from '../prisma/client.js';
import type { Database } from '../prisma/database.js';
import { ensureInstallation } from '../prisma/queries/installation.js';
import { createFirstAdminToken } from '../prisma/queries/first-admin-token.js';
import type { HiveConfig } from './config.js';
import { refuseOtherAdminToken, removeRunning, writeAdminToken, writeRunning } from './data-files.js';
import { startFeedLoop } from './feed-loop.js';
import { listen, requireFreeAddress } from './listen.js';
import { startPageCheckThreads } from './page-check-threads.js';
import { startPageFilterThreads } from './page-filter-threads.js';
import { builtFile } from './project-root.js';
import { startSearchThreads } from './search-threads.js';
import { startBackingServices, type BackingServices } from './backing-services.js';
import { readTemporalApiKey } from './temporal-config.js';
import { TemporalLink } from './temporal/temporal-link.js';
import { VERSION } from './version.js';
import { startWebhookLoop } from './webhook-loop.js';

export interface HiveProcess {
  /** Address of the API. The nodes' sockets are on the same port. */
  url: string;
  temporalUiUrl?: string;
  /**
   * Stops in order, and lets running work finish: first /readyz, and after the configured delay leases, sockets,
   * workers, HTTP, then the embedded services.
   */
  stop(): Promise<void>;
}

/**
 * Starts a hive. Resolves when the API answers; Temporal may not be connected yet (see /readyz).
 * @param stopping ends what may take minutes: getting Temporal for the first time. It throws then
 */
export async function startHive(config: HiveConfig, logger: Logger, stopping?: AbortSignal): Promise<HiveProcess> {
  await requireFreeAddress(config);
  const services = await startBackingServices(config, logger, stopping);
  try {
    return await serve(config, services, logger);
  } catch (error) {
    await services.stop();
    throw error;
  }
}

async function serve(config: HiveConfig, services: BackingServices, logger: Logger): Promise<HiveProcess> {
  const database = openDatabase(services.databaseUrl);
  // connections of their own: when all nodes come back at once, readers must not queue behind them
  const readers = openDatabase(services.databaseUrl);
  const secret = await createFirstAdminToken(database, () => refuseOtherAdminToken(config.dataDir));
  if (secret !== undefined) {
    logger.info({ file: await writeAdminToken(config.dataDir, secret) }, 'first start: wrote an admin token');
  }
  const installation = await ensureInstallation(database, config.installation);
  const { nodeTimeoutSeconds, backfillConcurrency, backfillTimeoutMinutes, reconcileIntervalSeconds } = config;
  const leaving = new AbortController();
  const stopping = new AbortController();
  const pageChecks = startPageCheckThreads();
  const pageFilters = startPageFilterThreads();
  const searcher = startSearchThreads(services.databaseUrl);
  const temporal = new TemporalDoor();
  const queue = `gateway-${randomUUID()}`;
  const gateway = new Gateway({
    database,
    logger,
    queue,
    instanceId: config.instanceId,
    backfills: createNodeBackfills({ temporal, queue, concurrency: backfillConcurrency, nodeTimeoutSeconds }),
  });
  const link = new TemporalLink({
    door: temporal,
    connection: services.temporal.connection,
    ...(config.temporal.kind === 'external' && { readApiKey: () => readTemporalApiKey() }),
    namespace: config.temporal.namespace,
    installation,
    reconcileIntervalSeconds,
    hive: {
      database,
      logger,
      buildPageFilter: pageFilters.buildPageFilter,
      backfillConcurrency,
      nodeTimeoutSeconds,
      backfillTimeoutMinutes,
    },
    webhooks: { allowsPrivate: config.allowsPrivateWebhooks },
    gateway: { database, gateway, checkPage: pageChecks.checkPage, logger },
    logger,
  });
  const app = createApp({
    database: readers,
    logger,
    searcher,
    backfills: createBackfills({ temporal, installation, database: readers, logger, nodeTimeoutSeconds }),
    health: () => {
      const { temporal: server, workers, reason } = link.state;
      return { temporal: server === 'ok', workers: workers === 'ok', ...(reason !== undefined && { reason }) };
    },
    ...signingIn(readers, config),
    installationId: installation.id,
    consoleFolder: builtFile('console'),
    version: VERSION,
    leaving: leaving.signal,
    stopping: stopping.signal,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    hstsSeconds: config.hstsSeconds,
    allowsPrivateWebhooks: config.allowsPrivateWebhooks,
    ...(config.publicUrl !== undefined && { publicUrl: config.publicUrl }),
    workflowUrl: (workflowId, runId) => services.temporal.workflowUrl(workflowId, runId),
  });
  const server = createHttpServer(app);
  gateway.attach(server);
  link.start();
  const stopFeed = startFeedLoop({ database, logger });
  const stopWebhooks = startWebhookLoop({ database, temporal, logger });
  const url = await listen(server, config);
  await writeRunning(config.dataDir, {
    pid: process.pid,
    url,
    databaseUrl: services.databaseUrl,
    temporalAddress: services.temporal.connection.address,
    temporalUiUrl: services.temporal.uiUrl,
  });
  logger.info({ url, temporalUiUrl: services.temporal.uiUrl }, 'hive is listening');
  logger.info(
    { url: config.publicUrl ?? url },
    'the console is at this url; `hive console` makes a link that signs in',
  );
  return {
    url,
    ...(services.temporal.uiUrl !== undefined && { temporalUiUrl: services.temporal.uiUrl }),
    async stop() {
      leaving.abort();
      await sleep(config.shutdownDelaySeconds * 1000);
      stopping.abort();
      return inOrder(logger, [
        () => gateway.stop(),
        () => stopFeed(),
        () => stopWebhooks(),
        () => link.stop(),
        () => pageChecks.stop(),
        () => pageFilters.stop(),
        () => closeServer(server),
        () => searcher.stop(),
        () => readers.$disconnect(),
        () => database.$disconnect(),
        () => removeRunning(config.dataDir),
        () => services.stop(),
      ]);
    },
  };
}

function signingIn(database: Database, { oidc, oidcClient }: HiveConfig): Pick<AppDependencies, 'oidc' | 'oidcSignIn'> {
  if (!oidc) return {};
  const verifier = createOidcVerifier(database, oidc);
  return {
    oidc: verifier,
    ...(oidcClient && { oidcSignIn: createOidcSignIn(database, { ...oidc, ...oidcClient }, verifier) }),
  };
}

/** A step that fails must not keep later ones from stopping, above all not the embedded services. */
async function inOrder(logger: Logger, steps: (() => Promise<void>)[]): Promise<void> {
  for (const step of steps) {
    await step().catch((error: unknown) => logger.error({ err: error }, 'a part of the hive did not stop cleanly'));
  }
}

/** Ends idle connections at once and others after their answer, but after 5 s at the latest. */
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
