import { Command } from 'commander';
import { TemporalDoor } from '../../backfills/temporal-door.js';
import { openDatabase } from '../../prisma/client.js';
import { ensureInstallation } from '../../prisma/queries/installation.js';
import { readConfig } from '../config.js';
import { readTemporalApiKey } from '../temporal-config.js';
import { runUntilStopped } from './run-until-stopped.js';
import { UsageError } from './usage.js';

export function workerCommand(): Command {
  return new Command('worker')
    .description("Run a worker: workflows, and activities that need no node's socket. No API, no gateway.")
    .addHelpText('after', '\nNeeds DATABASE_URL and TEMPORAL_ADDRESS, with the values that its hives have.')
    .action(async () => {
      const config = readConfig();
      if (config.databaseUrl === undefined || config.temporal.kind === 'embedded') {
        throw new UsageError(
          'a worker needs DATABASE_URL and TEMPORAL_ADDRESS, with the same values as the hives that it works for',
        );
      }
      await runUntilStopped(config, async (logger) => {
        const { startBackingServices } = await import('../backing-services.js');
        const { TemporalLink } = await import('../temporal/temporal-link.js');
        const { startPageFilterThreads } = await import('../page-filter-threads.js');
        const services = await startBackingServices(config, logger);
        const database = openDatabase(services.databaseUrl);
        const pageFilters = startPageFilterThreads();
        const link = new TemporalLink({
          door: new TemporalDoor(),
          connection: services.temporal.connection,
          readApiKey: () => readTemporalApiKey(),
          namespace: config.temporal.namespace,
          installation: await ensureInstallation(database, config.installation),
          reconcileIntervalSeconds: config.reconcileIntervalSeconds,
          hive: { database, logger, buildPageFilter: pageFilters.buildPageFilter, ...config },
          webhooks: { allowsPrivate: config.allowsPrivateWebhooks },
          logger,
        });
        link.start();
        return async () => {
          await link.stop();
          await pageFilters.stop();
          await database.$disconnect();
        };
      });
    });
}
