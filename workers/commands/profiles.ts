import { Command } from 'commander';
import type { OutputOptions } from './output.js';
import { readProfiles, writeProfiles } from './profile-file.js';
import { printList, type ListOf } from './reading/print-list.js';
import { UsageError } from './usage.js';

const LIST: ListOf<{ name: string; url: string; used: boolean }> = {
  columns: [{ title: 'USED' }, { title: 'PROFILE' }, { title: 'URL' }],
  cells: ({ name, url, used }) => [used ? '*' : '', name, url],
  none: 'no hive is remembered: run hive login URL',
};

export function profilesCommand(): Command {
  return new Command('profiles')
    .description('List the hives that are remembered. Tokens are not shown.')
    .option('--use <name>', 'from now on use this one if nobody says which')
    .option('--json', 'print one JSON object a line')
    .action(async (options: OutputOptions & { use?: string }) => {
      const { use } = options;
      const known = await readProfiles();
      if (use !== undefined) {
        if (!Object.hasOwn(known.profiles, use)) {
          throw new UsageError(`there is no profile ${JSON.stringify(use.slice(0, 100))}; hive profiles lists them`);
        }
        await writeProfiles({ ...known, current: use });
      }
      const current = use ?? known.current;
      const rows = Object.entries(known.profiles).map(([name, { url }]) => ({ name, url, used: name === current }));
      await printList(rows, LIST, options);
    });
}
