import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import { readConfig } from '../config.js';
import { runUntilStopped } from './run-until-stopped.js';

export function startCommand(): Command {
  return new Command('start')
    .description(
      'Run a hive: API, gateway and workers. Also starts PostgreSQL and Temporal unless their addresses are given.',
    )
    .action(async () => {
      const config = readConfig();
      letHeapDouble();
      await runUntilStopped(config, async (logger, stopping) => {
        const { startHive } = await import('../hive-process.js');
        const hive = await startHive(config, logger, stopping);
        process.send?.({ url: hive.url, temporalUiUrl: hive.temporalUiUrl });
        return () => hive.stop();
      });
    });
}

/**
 * Lets the heap double between two full collections. Call it before the hive opens. By default, V8 starts a full
 * collection when heap and buffers together have grown by 10 to 30 % of what the last one left, about 25 MiB. That is
 * less than the 32 MiB of young buffers (kMaxSemiSpaceSize) at which it would collect only those. Pulled pages are such
 * buffers: because of them the whole heap was marked four times a second, which took a third of a backfill's time
 * (docs/scaling.md).
 */
function letHeapDouble(): void {
  setFlagsFromString('--heap-growing-percent=100');
}
