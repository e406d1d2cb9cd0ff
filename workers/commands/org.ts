import { Command } from 'commander';
import { createOrganization, listOrganizations } from '../../prisma/queries/organization.js';
import { withDatabase } from './database.js';
import { print, printRows, type OutputOptions } from './output.js';
import { UsageError } from './usage.js';

/** Names are typed in shells and appear in the claims of tokens. */
const NAME = /^[^\s\p{C}]{1,100}$/u;

export function orgCommand(): Command {
  const org = new Command('org').description('Manage organisations. Each sees only its own data.');
  org
    .command('create')
    .description('Create an organisation. `hive token create --organization NAME` then lets people in.')
    .argument('<name>', 'name of the organisation')
    .option('--json', 'print JSON')
    .action((name: string, options: OutputOptions) => {
      if (!NAME.test(name))
        throw new UsageError(
          'the name of an organisation has 1 to 100 characters, without spaces or control characters',
        );
      return withDatabase(async (database) => {
        const created = await createOrganization(database, name);
        if (!created) throw new Error(`there is an organisation named ${name} already`);
        print(options.json ? JSON.stringify(toJson(created)) : created.id);
      });
    });
  org
    .command('list')
    .description('List the organisations by name.')
    .option('--json', 'print JSON')
    .action((options: OutputOptions) =>
      withDatabase(async (database) => printRows((await listOrganizations(database)).map(toJson), options)),
    );
  return org;
}

function toJson({ id, name, createdAt }: Awaited<ReturnType<typeof listOrganizations>>[number]) {
  return { id, name, created_at: createdAt };
}
