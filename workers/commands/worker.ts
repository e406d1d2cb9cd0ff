import { Command } from 'commander';
import { TemporalDoor } from '../../backfills/temporal-door.js';
import { openDatabase } from '../../prisma/client.js';
import { readConfig } from '../config.js';
import { createLogger } from '../logger.js';
import { untilStopped } from '../until-stopped.js';
import { UsageError } from './usage.js';

export function workerCommand(): Command {
  return new Command('worker')
    .description('run workflows and what needs no socket: no HTTP, no gateway; needs DATABASE_URL and TEMPORAL_ADDRESS')
    .action(async () => {
      const stopped = untilStopped();
      const config = readConfig();
      if (config.databaseUrl === undefined || config.temporal.kind === 'embedded') {
        throw new UsageError('a worker needs DATABASE_URL and TEMPORAL_ADDRESS: those of the hives it works for');
      }
      const { startBackingServices } = await import('../backing-services.js');
      const { installRuntime } = await import('../temporal/runtime.js');
      const { TemporalLink } = await import('../temporal/temporal-link.js');
      const logger = createLogger(config);
      installRuntime(logger);
      const services = await startBackingServices(config, logger);
      const database = openDatabase(services.databaseUrl);
      const link = new TemporalLink({
        door: new TemporalDoor(),
        connection: services.temporal.connection,
        namespace: config.temporal.namespace,
        reconcileIntervalSeconds: config.reconcileIntervalSeconds,
        hive: { database, logger, ...config },
        logger,
      });
      link.start();
      logger.info({ reason: await stopped }, 'stopping');
      await link.stop();
      await database.$disconnect();
      process.exit();
    });
}
