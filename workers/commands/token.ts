import { Command, Option } from 'commander';
import { createApiToken, listApiTokens, revokeApiToken } from '../../prisma/queries/api-token.js';
import { withDatabase } from './database-url.js';
import { organizationId, organizationOption } from './organization.js';
import { print, printRows, type OutputOptions } from './output.js';

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
        print(options.json ? JSON.stringify(created) : created.secret);
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
        printRows(
          tokens.map(({ id, name, role, tokenPrefix, expiresAt, revokedAt, lastUsedAt }) => ({
            id,
            name,
            role,
            prefix: tokenPrefix,
            expires_at: expiresAt,
            revoked_at: revokedAt,
            last_used_at: lastUsedAt,
          })),
          options,
        );
      }),
    );
  token
    .command('revoke <id>')
    .description('end a token at once')
    .addOption(organizationOption())
    .action((id: string, options: { organization: string }) =>
      withDatabase(async (database) => {
        const revoked = await revokeApiToken(database, await organizationId(database, options.organization), id);
        if (!revoked) throw new Error(`no token ${id} that is not revoked yet`);
        print(`revoked ${id}`);
      }),
    );
  return token;
}

function inDays(days: string): Date {
  const count = Number(days);
  if (!(count > 0)) throw new Error(`--expires-in-days: ${days} is not a number above 0`);
  return new Date(Date.now() + count * 86_400_000);
}
