import { Command } from 'commander';
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
      const { startParts } = await import('../parts.js');
      const { installRuntime } = await import('../temporal/runtime.js');
      const { TemporalLink } = await import('../temporal/temporal-link.js');
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
