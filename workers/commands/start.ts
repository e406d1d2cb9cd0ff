import { Command } from 'commander';
import { readConfig } from '../config.js';
import { letHeapDouble } from '../heap-growth.js';
import { createLogger } from '../logger.js';
import { untilStopped } from '../until-stopped.js';

export function startCommand(): Command {
  return new Command('start')
    .description('run a hive: API, gateway and workers, with embedded PostgreSQL and Temporal where none is given')
    .action(async () => {
      const stopped = untilStopped(); // also while it starts
      const config = readConfig();
      letHeapDouble();
      // Temporal's worker takes over a second to load: no other command should wait for it
      const { startHive } = await import('../hive-process.js');
      const { installRuntime } = await import('../temporal/runtime.js');
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
