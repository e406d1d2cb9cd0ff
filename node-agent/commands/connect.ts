import { Command, Option } from 'commander';
import { readStoredConfig } from '../config-file.js';
import { dataDirectory, readConfig } from '../config.js';
import { NodeAgentError } from '../errors.js';
import { configuredPrune } from '../prune-rule.js';
import { openStore } from '../store/open.js';
import { whenNpmIsGone } from './npm-parent.js';

export function connectCommand(): Command {
  return new Command('connect')
    .description('Stay connected to the hive: announce what is recorded, push new output, answer requests.')
    .addOption(
      new Option('--protocol <version>', 'protocol version; 1 is for an original vk-swarm hive')
        .choices(['1', '2'])
        .default('2'),
    )
    .addHelpText(
      'after',
      '\nNeeds what `join` stores, or NODE_API_KEY. SIGINT or SIGTERM ends it with status 0.\nIf another one runs for this store, it ends with status 3.',
    )
    .action(async ({ protocol }: { protocol: '1' | '2' }) => {
      refuseBlank('NODE_DATA_DIR', ...(readStoredConfig().api_key === undefined ? ['HIVE_URL'] : []));
      const { hiveUrl: url, apiKey, dataDir, name, logLevel, warnings } = readConfig();
      if (apiKey === undefined) {
        throw new NodeAgentError(
          'config',
          'this node has not joined a hive, and NODE_API_KEY is not set: see `node-agent join --help`',
        );
      }
      // loaded only here, so that `run` starts its command without delay
      const { createLogger } = await import('../log.js');
      const { pruneAutomatically } = await import('../connection/automatic-prune.js');
      const { followStore } = await import('../connection/follow-store.js');
      const { Presence } = await import('../connection/presence.js');
      const { stayConnected, DELAYS } = await import('../connection/stay-connected.js');
      const connectionsV1 =
        protocol === '1' ? (await import('../connection/v1/connection.js')).connectionsV1 : () => undefined;
      const rule = protocol === '2' ? configuredPrune(readStoredConfig().prune) : undefined;
      const logger = createLogger(logLevel);
      for (const warning of warnings) logger.warn(warning);
      dataDirectory(process.env, (sentence) => logger.info(sentence));
      const follow = {
        open: () => openStore(dataDir, { say: (sentence) => logger.error(sentence) }),
        logger,
        signal: stopSignal(),
      };
      await followStore(follow, async (store, signal) => {
        const presence = Presence.take(store.dataDir, url, logger);
        const stop = new AbortController();
        const until = AbortSignal.any([signal, stop.signal]);
        const hive = { hiveUrl: url, apiKey };
        const pruning = rule
          ? pruneAutomatically({
              store,
              rule,
              hive,
              logger,
              signal: until,
              pruned: (outcome) => presence.pruned(outcome),
            })
          : undefined;
        try {
          await stayConnected({ url, apiKey, name, store, logger, signal, watch: presence }, DELAYS, connectionsV1());
        } finally {
          stop.abort();
          await pruning;
          presence.release();
        }
      });
      logger.info('stopped');
      // the delay before a reconnect may still be running
      setImmediate(() => process.exit(0));
    });
}

/**
 * A variable that is set to nothing would connect another store, or to another hive, than was meant. Only `connect`
 * refuses it: nothing keeps `run` from running a command.
 */
function refuseBlank(...names: string[]): void {
  const blank = names.find((name) => process.env[name] === '');
  if (blank) throw new NodeAgentError('config', `${blank}: is empty; allowed: a value; unset it for the default`);
}

/** Aborted by SIGINT, by SIGTERM, or when the parent closes the IPC channel that it opened or the npm that runs it ends. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  if (process.send) process.once('disconnect', stop);
  whenNpmIsGone(stop);
  return controller.signal;
}
