import { Command } from 'commander';
import { bodyOf, type Schemas } from '../../api/client/client.js';
import { ORGANIZATION_NAME, ORGANIZATION_NAME_RULE } from '../../api/schemas/token.js';
import { organizationView } from '../../api/views/token.js';
import { createOrganization, listOrganizations } from '../../prisma/queries/organization.js';
import { printable } from '../../protocol/printable.js';
import { addHiveOptions, type HiveOptions } from './hive-access.js';
import { onHiveOrDatabase } from './on-hive-or-database.js';
import { JSON_OPTION, print, type OutputOptions } from './output.js';
import { shortText } from './reading/attempt-text.js';
import { printList, type ListOf } from './reading/print-list.js';
import { UsageError } from './usage.js';

type Options = HiveOptions & OutputOptions;

const LIST: ListOf<Schemas['Organization']> = {
  columns: [{ title: 'ID' }, { title: 'NAME' }],
  cells: ({ id, name }) => [id, shortText(name)],
  none: 'no organisations; hive org create NAME makes one',
};

export function orgCommand(): Command {
  const org = new Command('org').description('Manage organisations. Each sees only its own data.');
  subcommand(org, 'create')
    .description(
      "Create an organisation. Over a hive's API, makes its first admin's token as well; in the database, `hive token create --organization NAME` then lets people in.",
    )
    .argument('<name>', 'name of the organisation')
    .action((name: string, options: Options) => {
      if (!ORGANIZATION_NAME.test(name)) throw new UsageError(ORGANIZATION_NAME_RULE);
      return onHiveOrDatabase(options, {
        ifRefused: 'database',
        async onHive(hive) {
          const { organization, token, secret } = await bodyOf(hive.POST('/v1/organizations', { body: { name } }));
          print(options.json ? JSON.stringify({ ...organization, token, secret }) : organization.id);
          if (!options.json) process.stderr.write(`Its first admin's token, not shown again: ${printable(secret)}\n`);
        },
        async onDatabase(database) {
          const created = await createOrganization(database, name);
          if (!created) throw new Error(`there is an organisation named ${name} already`);
          print(options.json ? JSON.stringify(organizationView(created)) : created.id);
        },
      });
    });
  subcommand(org, 'list')
    .description('List the organisations by name.')
    .action((options: Options) =>
      onHiveOrDatabase(options, {
        ifRefused: 'database',
        onHive: async (hive) => printList(await bodyOf(hive.GET('/v1/organizations')), LIST, options),
        onDatabase: async (database) =>
          printList((await listOrganizations(database)).map(organizationView), LIST, options),
      }),
    );
  return org;
}

function subcommand(org: Command, name: string): Command {
  return addHiveOptions(org.command(name)).option(...JSON_OPTION);
}
