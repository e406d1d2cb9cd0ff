import { Command } from 'commander';
import { forgetAllAcks } from '../store/acknowledgements.js';
import { print } from './print.js';
import { withStore } from './with-store.js';

const WHEN =
  'at once if `node-agent connect` is running, or when it is started again if it runs with `--protocol 1` or not at all';

export function announceCommand(): Command {
  return new Command('announce')
    .description('Let everything be announced to the hive again, also attempts that it has refused.')
    .requiredOption('--all', 'every attempt of this store')
    .option('--json', 'print one JSON object')
    .addHelpText('after', `\nWhen: ${WHEN}.`)
    .action((options: { json?: boolean }) =>
      withStore((store) => {
        const attempts = forgetAllAcks(store);
        if (options.json) return print([JSON.stringify({ attempts })]);
        const again = attempts === 1 ? '1 attempt is announced again' : `${attempts} attempts are announced again`;
        return print([`${again}: ${WHEN}`]);
      }),
    );
}
