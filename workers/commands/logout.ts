import { Command } from 'commander';
import { print, type OutputOptions } from './output.js';
import { readProfiles, writeProfiles } from './profile-file.js';
import { UsageError } from './usage.js';

export function logoutCommand(): Command {
  return new Command('logout')
    .description('Forget a hive and its token. The token itself stays valid: `hive token revoke` ends it.')
    .argument('[profile]', 'which one (default: the one that is used)')
    .option('--json', 'print one JSON object')
    .action(async (given: string | undefined, { json }: OutputOptions) => {
      const { current, profiles } = await readProfiles();
      const name = given ?? current;
      if (name === null) throw new UsageError('you are not logged in to any hive');
      if (!Object.hasOwn(profiles, name)) {
        throw new UsageError(`there is no profile ${JSON.stringify(name.slice(0, 100))}; hive profiles lists them`);
      }
      const rest = Object.fromEntries(Object.entries(profiles).filter(([other]) => other !== name));
      await writeProfiles({ current: current === name ? null : current, profiles: rest });
      print(json ? JSON.stringify({ forgotten: name }) : `forgot ${name}`);
    });
}
