import { Command } from 'commander';
import { readConfig } from '../config.js';
import { startHive } from '../hive-process.js';
import { createLogger } from '../logger.js';
import { installRuntime } from '../temporal/runtime.js';
import { untilStopped } from '../until-stopped.js';

export function startCommand(): Command {
  return new Command('start')
    .description('run a hive: API, gateway and workers, with embedded PostgreSQL and Temporal where none is given')
    .action(async () => {
      const stopped = untilStopped(); // also while it starts
      const config = readConfig();
      const logger = createLogger(config);
      installRuntime(logger);
      const hive = await startHive(config, logger);
      process.send?.({ url: hive.url, temporalUiUrl: hive.temporalUiUrl });
      logger.info({ reason: await stopped }, 'stopping');
      await hive.stop();
      logger.info('stopped');
      process.exit(); // an open handle of a library must not keep a stopped hive
    });
}
