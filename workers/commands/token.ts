import { Command, InvalidArgumentError, Option } from 'commander';
import type { Schemas } from '../../api/client/client.js';
import { addAdminOptions, type AdminOptions } from './on-hive-or-database.js';
import { print, type OutputOptions } from './output.js';
import { shortText } from './reading/attempt-text.js';
import { printList, type ListOf } from './reading/print-list.js';
import { agoText, standingCell } from './reading/standing.js';
import { withTokens } from './token-store.js';
import { uuidArgument } from './usage.js';

type Options = AdminOptions & OutputOptions;

interface CreateOptions extends Options {
  role: 'viewer' | 'admin';
  expiresInDays?: number;
}

const LIST: ListOf<Schemas['ApiToken']> = {
  columns: [
    { title: 'ID' },
    { title: 'ROLE' },
    { title: 'STATE' },
    { title: 'USED', leaveOut: 1 },
    { title: 'BEGINS', leaveOut: 2 },
    { title: 'NAME' },
  ],
  cells: (token) => [
    token.id,
    token.role,
    standingCell(token),
    agoText(token.last_used_at),
    token.token_prefix,
    shortText(token.name),
  ],
  none: 'no tokens; hive token create NAME makes one',
};

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
    .action((options: Options) => withTokens(options, async (tokens) => printList(await tokens.list(), LIST, options)));
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
