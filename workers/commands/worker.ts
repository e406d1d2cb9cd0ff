import { Command } from 'commander';
import { openDatabase } from '../../prisma/client.js';
import { readConfig } from '../config.js';
import { createLogger } from '../logger.js';
import { startParts } from '../parts.js';
import { installRuntime } from '../temporal/runtime.js';
import { TemporalLink } from '../temporal/temporal-link.js';
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
      const logger = createLogger(config);
      installRuntime(logger);
      const parts = await startParts(config, logger);
      const database = openDatabase(parts.databaseUrl);
      const link = new TemporalLink({
        connection: parts.temporal.connection,
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
