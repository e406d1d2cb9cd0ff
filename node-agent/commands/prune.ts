import { Command } from 'commander';
import { prune } from '../store/attempts.js';
import { countOption } from './options.js';
import { print } from './print.js';
import { withStore } from './with-store.js';

const DAY_MS = 24 * 60 * 60 * 1000;

export function pruneCommand(): Command {
  return new Command('prune')
    .description('Remove attempts that the hive has acknowledged as complete.')
    .requiredOption(
      '--older-than <days>',
      'only attempts last changed at least this many days ago; 0 for all',
      daysOption,
    )
    .option('--json', 'print one JSON object')
    .action((options: { olderThan: number; json?: boolean }) =>
      withStore((store) => {
        const removed = prune(store, new Date(Date.now() - options.olderThan * DAY_MS));
        if (options.json) return print([JSON.stringify({ removed })]);
        return print([...removed.map((id) => `removed ${id}`), `${removed.length} attempts removed`]);
      }),
    );
}

function daysOption(value: string): number {
  return value === '0' ? 0 : countOption(value);
}
