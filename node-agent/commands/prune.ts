import { Command, InvalidArgumentError } from 'commander';
import { bytesOf, showBytes } from '../bytes.js';
import { readStoredConfig } from '../config-file.js';
import { readConfig } from '../config.js';
import { pruneStored, type PruneRule } from '../connection/prune-stored.js';
import { counted } from '../counted.js';
import { NodeAgentError } from '../errors.js';
import { configuredPrune } from '../prune-rule.js';
import { print } from './print.js';
import { withStore } from './with-store.js';

interface PruneOptions {
  olderThan?: number;
  maxSize?: number;
  json?: boolean;
}

export function pruneCommand(): Command {
  return new Command('prune')
    .description('Remove the lines of attempts that the hive has in full. The hive is asked about each of them first.')
    .option('--older-than <days>', 'attempts last changed at least this many days ago; 0 for all', daysOption)
    .option('--max-size <size>', 'the oldest attempts, until the store is this small, e.g. 500MB or 2GB', sizeOption)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Without an option, prunes as the configuration says ("prune": { "older_than_days": 30,
"max_size": "2GB" }), which \`connect\` also does by itself once an hour.
Needs to know the hive and its key. If the hive does not answer, nothing is removed.`,
    )
    .action((options: PruneOptions) =>
      withStore(async (store) => {
        const rule = ruleOf(options);
        const { removed, kept, usedBytes, freedBytes } = await pruneStored(store, rule, readConfig());
        if (options.json) {
          return print([JSON.stringify({ removed, kept, size_bytes: usedBytes, freed_bytes: freedBytes })]);
        }
        return print([
          ...removed.map((id) => `removed ${id}`),
          ...kept.map(({ attempt_id: id, reason }) => `kept ${id}: ${reason}; it is announced again`),
          `${counted(removed.length, 'attempt')} removed, ${showBytes(freedBytes)} given back; the store has ${showBytes(usedBytes)}`,
          ...(rule.maxBytes !== undefined && usedBytes > rule.maxBytes
            ? ['the rest is not in the hive yet (`node-agent status` says why), is being recorded, or is no log']
            : []),
        ]);
      }),
    );
}

function ruleOf({ olderThan, maxSize }: PruneOptions): PruneRule {
  if (olderThan !== undefined || maxSize !== undefined) return { olderThanDays: olderThan, maxBytes: maxSize };
  const configured = configuredPrune(readStoredConfig().prune);
  if (configured) return configured;
  throw new NodeAgentError('usage', 'prune: say what to remove: --older-than DAYS, --max-size SIZE, or both');
}

function daysOption(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It must be a whole number of days; 0 for all.');
  return Number(value);
}

function sizeOption(value: string): number {
  const bytes = bytesOf(value);
  if (bytes === undefined) throw new InvalidArgumentError('It must be a number with a unit, for example 500MB or 2GB.');
  return bytes;
}
