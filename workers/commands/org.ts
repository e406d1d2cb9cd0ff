import { Command } from 'commander';
import { createOrganization, listOrganizations } from '../../prisma/queries/organization.js';
import { withDatabase } from './database-url.js';
import { print, printRows, type OutputOptions } from './output.js';
import { UsageError } from './usage.js';

/** Names are typed in shells, and stand in tokens' claims. */
const NAME = /^[^\s\p{C}]{1,100}$/u;

export function orgCommand(): Command {
  const org = new Command('org').description('organisations: each sees its own data only');
  org
    .command('create <name>')
    .description('make an organisation; `hive token create --organization NAME` lets people in')
    .option('--json', 'print JSON')
    .action((name: string, options: OutputOptions) => {
      if (!NAME.test(name))
        throw new UsageError('an organisation has a name of 1 to 100 characters, none of them blank');
      return withDatabase(async (database) => {
        const created = await createOrganization(database, name);
        if (!created) throw new Error(`there is an organisation named ${name} already`);
        print(options.json ? JSON.stringify(toJson(created)) : created.id);
      });
    });
  org
    .command('list')
    .description('list organisations by name')
    .option('--json', 'print JSON')
    .action((options: OutputOptions) =>
      withDatabase(async (database) => printRows((await listOrganizations(database)).map(toJson), options)),
    );
  return org;
}

function toJson({ id, name, createdAt }: Awaited<ReturnType<typeof listOrganizations>>[number]) {
  return { id, name, created_at: createdAt };
}
