import { Command } from 'commander';
import { bodyOf } from '../../api/client/client.js';
import { printable } from '../../protocol/printable.js';
import { addHiveOptions, clientOf, requireHive, type HiveOptions } from './hive-access.js';
import { print, type OutputOptions } from './output.js';

export function consoleCommand(): Command {
  return addHiveOptions(new Command('console'))
    .description('Print a link that signs a browser in to the console, once and within five minutes. For admins.')
    .option('--json', 'print one JSON object')
    .action(async (options: HiveOptions & OutputOptions) => {
      const hive = await requireHive(options);
      const link = await bodyOf(clientOf(hive).POST('/v1/session/links'));
      print(options.json ? JSON.stringify(link) : printable(link.url));
      if (options.json) return;
      // standard output has the link alone, for scripts
      process.stderr.write(
        `Whoever opens it first, until ${printable(link.expires_at)}, is signed in as this token.\n`,
      );
    });
}
