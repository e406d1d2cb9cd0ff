import { Command } from 'commander';
import { print, type OutputOptions } from './output.js';
import { readProfiles, writeProfiles } from './profile-file.js';
import { printTable } from './reading/print-table.js';
import { UsageError } from './usage.js';

export function profilesCommand(): Command {
  return new Command('profiles')
    .description('List the hives that are remembered. Tokens are not shown.')
    .option('--use <name>', 'from now on use this one if nobody says which')
    .option('--json', 'print one JSON object a line')
    .action(async ({ use, json }: OutputOptions & { use?: string }) => {
      const known = await readProfiles();
      if (use !== undefined) {
        if (!Object.hasOwn(known.profiles, use)) {
          throw new UsageError(`there is no profile ${JSON.stringify(use.slice(0, 100))}; hive profiles lists them`);
        }
        await writeProfiles({ ...known, current: use });
      }
      const current = use ?? known.current;
      const rows = Object.entries(known.profiles).map(([name, { url }]) => ({ name, url, used: name === current }));
      if (json) for (const row of rows) print(JSON.stringify(row));
      else if (rows.length === 0) process.stderr.write('no hive is remembered: run hive login URL\n');
      else {
        const cells = rows.map(({ name, url, used }) => [used ? '*' : '', name, url]);
        await printTable([{ title: 'USED' }, { title: 'PROFILE' }, { title: 'URL' }], cells);
      }
    });
}
