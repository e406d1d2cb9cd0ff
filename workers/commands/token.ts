import { Command, InvalidArgumentError, Option } from 'commander';
import type { Schemas } from '../../api/client/client.js';
import { addAdminOptions, type AdminOptions } from './on-hive-or-database.js';
import { print, printRows, type OutputOptions } from './output.js';
import { withTokens } from './token-store.js';
import { uuidArgument } from './usage.js';

type Options = AdminOptions & OutputOptions;

interface CreateOptions extends Options {
  role: 'viewer' | 'admin';
  expiresInDays?: number;
}

export function tokenCommand(): Command {
  const token = new Command('token').description('Manage the API tokens of people and programs.');
  addAdminOptions(token.command('create'), 'token')
    .description('Create a token and print its secret, which is not shown again.')
    .argument('<name>', 'name of the token')
    .addOption(new Option('--role <role>', 'what the token allows').choices(['viewer', 'admin']).default('viewer'))
    .option('--expires-in-days <days>', 'days until the token expires (default: it never does)', days)
    .action((name: string, options: CreateOptions) =>
      withTokens(options, async (tokens) => {
        const { role, expiresInDays } = options;
        const created = await tokens.create({ name, role, ...(expiresInDays !== undefined && { expiresInDays }) });
        print(options.json ? JSON.stringify(created) : created.secret);
      }),
    );
  addAdminOptions(token.command('list'), 'tokens')
    .description('List the tokens, newest first.')
    .action((options: Options) =>
      withTokens(options, async (tokens) => {
        const rows = await tokens.list();
        printRows(options.json ? rows : rows.map(columns), options);
      }),
    );
  addAdminOptions(token.command('revoke'), 'token')
    .description('Revoke a token. It stops working at once.')
    .argument('<id>', 'id of the token', uuidArgument)
    .action((id: string, options: Options) =>
      withTokens(options, async (tokens) => {
        await tokens.revoke(id);
        print(options.json ? JSON.stringify({ revoked: id }) : `revoked ${id}`);
      }),
    );
  return token;
}

function days(text: string): number {
  const count = Number(text);
  if (count > 0 && count < 100_000) return count;
  throw new InvalidArgumentError('allowed: a number above 0 and below 100000');
}

function columns({ id, name, role, token_prefix: prefix, expires_at, revoked_at, last_used_at }: Schemas['ApiToken']) {
  return { id, name, role, prefix, expires_at, revoked_at, last_used_at };
}
