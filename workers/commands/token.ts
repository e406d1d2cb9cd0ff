import { Command, Option } from 'commander';
import { createApiToken, listApiTokens, revokeApiToken, type ApiTokenRow } from '../../prisma/queries/api-token.js';
import { withDatabase } from './database-url.js';
import { organizationId, organizationOption } from './organization.js';
import { print, printRows, type OutputOptions } from './output.js';
import { UsageError, uuidArgument } from './usage.js';

interface CreateOptions extends OutputOptions {
  organization: string;
  role: 'viewer' | 'admin';
  expiresInDays?: string;
}

export function tokenCommand(): Command {
  const token = new Command('token').description('API tokens of people and programs');
  token
    .command('create <name>')
    .description('make a token; its secret is shown this once')
    .addOption(new Option('--role <role>', 'what it may do').choices(['viewer', 'admin']).default('viewer'))
    .addOption(organizationOption())
    .option('--expires-in-days <days>', 'when it ends; never, if not given')
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
    .description('list tokens, newest first')
    .addOption(organizationOption())
    .option('--json', 'print JSON')
    .action((options: { organization: string } & OutputOptions) =>
      withDatabase(async (database) => {
        const tokens = await listApiTokens(database, await organizationId(database, options.organization));
        printRows(options.json ? tokens.map(toJson) : tokens.map(columns), options);
      }),
    );
  token
    .command('revoke')
    .description('end a token at once')
    .argument('<id>', 'the id of the token', uuidArgument)
    .addOption(organizationOption())
    .option('--json', 'print JSON')
    .action((id: string, options: { organization: string } & OutputOptions) =>
      withDatabase(async (database) => {
        const revoked = await revokeApiToken(database, await organizationId(database, options.organization), id);
        if (!revoked) throw new Error(`no token ${id} that is not revoked yet`);
        print(options.json ? JSON.stringify({ revoked: id }) : `revoked ${id}`);
      }),
    );
  return token;
}

function inDays(days: string): Date {
  const count = Number(days);
  if (!(count > 0 && count < 100_000)) throw new UsageError(`--expires-in-days: ${days} is not a number above 0`);
  return new Date(Date.now() + count * 86_400_000);
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
