import { Command, Option } from 'commander';
import { readConfig } from '../config.js';
import { NodeAgentError } from '../errors.js';
import { withStore } from './with-store.js';

export function connectCommand(): Command {
  return new Command('connect')
    .description('Stay connected to the hive: announce what is recorded, push what runs, answer what it asks for.')
    .addOption(
      new Option('--protocol <version>', 'protocol version; 1 for an original vk-swarm hive')
        .choices(['1', '2'])
        .default('2'),
    )
    .addHelpText('after', '\nNeeds NODE_API_KEY. Ends, with status 0, on SIGINT or SIGTERM.')
    .action(({ protocol }: { protocol: '1' | '2' }) =>
      withStore(async (store) => {
        const { hiveUrl: url, apiKey, name, logLevel } = readConfig();
        if (apiKey === undefined) {
          throw new NodeAgentError('config', 'NODE_API_KEY: is not set; allowed: a key made by `hive key create NAME`');
        }
        // loaded only here: `run` is to start its command without delay
        const { createLogger } = await import('../log.js');
        const { stayConnected, DELAYS } = await import('../connection/stay-connected.js');
        const logger = createLogger(logLevel);
        const open = protocol === '1' ? (await import('../connection/v1/connection.js')).connectionsV1() : undefined;
        await stayConnected({ url, apiKey, name, store, logger, signal: stopSignal() }, DELAYS, open);
        logger.info('stopped');
        // a reconnect's delay may still be running
        setImmediate(() => process.exit(0));
      }),
    );
}

/** Aborted by SIGINT, SIGTERM, or the end of the IPC channel of a parent that started us with one. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  if (process.send) process.once('disconnect', stop);
  return controller.signal;
}
