import { Command, Option } from 'commander';
import { createApiToken, listApiTokens, revokeApiToken, type ApiTokenRow } from '../../prisma/queries/api-token.js';
import { DEFAULT_ORGANIZATION } from '../../prisma/queries/organization.js';
import { organizationId, withDatabase } from './database.js';
import { print, printRows, type OutputOptions } from './output.js';
import { UsageError, uuidArgument } from './usage.js';

interface Options extends OutputOptions {
  organization: string;
}

interface CreateOptions extends Options {
  role: 'viewer' | 'admin';
  expiresInDays?: string;
}

export function tokenCommand(): Command {
  const token = new Command('token').description('Manage the API tokens of people and programs.');
  token
    .command('create')
    .description('Create a token and print its secret, which is not shown again.')
    .argument('<name>', 'name of the token')
    .addOption(new Option('--role <role>', 'what the token allows').choices(['viewer', 'admin']).default('viewer'))
    .addOption(organizationOption())
    .option('--expires-in-days <days>', 'days until the token expires (default: it never does)')
    .option('--json', 'print JSON')
    .action((name: string, options: CreateOptions) =>
      withDatabase(async (database) => {
        const created = await createApiToken(database, {
          organizationId: await organizationId(database, options.organization),
          name,
          role: options.role,
          ...(options.expiresInDays !== undefined && { expiresAt: inDays(options.expiresInDays) }),
        });
        print(options.json ? JSON.stringify({ token: toJson(created.token), secret: created.secret }) : created.secret);
      }),
    );
  token
    .command('list')
    .description('List the tokens, newest first.')
    .addOption(organizationOption())
    .option('--json', 'print JSON')
    .action((options: Options) =>
      withDatabase(async (database) => {
        const tokens = await listApiTokens(database, await organizationId(database, options.organization));
        printRows(options.json ? tokens.map(toJson) : tokens.map(columns), options);
      }),
    );
  token
    .command('revoke')
    .description('Revoke a token. It stops working at once.')
    .argument('<id>', 'id of the token', uuidArgument)
    .addOption(organizationOption())
    .option('--json', 'print JSON')
    .action((id: string, options: Options) =>
      withDatabase(async (database) => {
        const revoked = await revokeApiToken(database, await organizationId(database, options.organization), id);
        if (!revoked) throw new Error(`no token has the id ${id}, or it is already revoked`);
        print(options.json ? JSON.stringify({ revoked: id }) : `revoked ${id}`);
      }),
    );
  return token;
}

function organizationOption(): Option {
  return new Option('--organization <name>', 'organisation of the token').default(DEFAULT_ORGANIZATION);
}

function inDays(days: string): Date {
  const count = Number(days);
  if (!(count > 0 && count < 100_000)) {
    throw new UsageError(`--expires-in-days is ${JSON.stringify(days)}; allowed: a number above 0 and below 100000`);
  }
  return new Date(new Date().getTime() + count * 86_400_000);
}

function toJson(token: ApiTokenRow) {
  const { id, organizationId, name, role, tokenPrefix, createdAt, expiresAt, revokedAt, lastUsedAt } = token;
  return {
    id,
    organization_id: organizationId,
    name,
    role,
    token_prefix: tokenPrefix,
    created_at: createdAt,
    expires_at: expiresAt,
    revoked_at: revokedAt,
    last_used_at: lastUsedAt,
  };
}

function columns({ id, name, role, tokenPrefix: prefix, ...times }: ApiTokenRow) {
  const { expiresAt: expires_at, revokedAt: revoked_at, lastUsedAt: last_used_at } = times;
  return { id, name, role, prefix, expires_at, revoked_at, last_used_at };
}
