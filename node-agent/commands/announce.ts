import { Command } from 'commander';
import { forgetAllAcks } from '../store/acknowledgements.js';
import { print } from './print.js';
import { withStore } from './with-store.js';

export function announceCommand(): Command {
  return new Command('announce')
    .description('Let everything be announced to the hive again, also attempts that it has refused.')
    .requiredOption('--all', 'every attempt of this store')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nA `connect` that is running does it at once, otherwise the next one does.')
    .action((options: { json?: boolean }) =>
      withStore((store) => {
        const attempts = forgetAllAcks(store);
        if (options.json) return print([JSON.stringify({ attempts })]);
        return print([`${attempts} attempts are announced again, now or when \`node-agent connect\` runs`]);
      }),
    );
}
