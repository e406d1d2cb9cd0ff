import { Command } from 'commander';
import {
  createNodeApiKey,
  listNodeApiKeys,
  revokeNodeApiKey,
  unblockNodeApiKey,
} from '../../prisma/queries/node-api-key.js';
import { withDatabase } from './database-url.js';
import { organizationId, organizationOption } from './organization.js';
import { print, printRows, type OutputOptions } from './output.js';

type Options = { organization: string } & OutputOptions;

export function keyCommand(): Command {
  const key = new Command('key').description("nodes' API keys");
  key
    .command('create <name>')
    .description('make a key for one machine; its secret is shown this once')
    .addOption(organizationOption())
    .option('--json', 'print JSON')
    .action((name: string, options: Options) =>
      withDatabase(async (database) => {
        const organization = await organizationId(database, options.organization);
        const created = await createNodeApiKey(database, { organizationId: organization, name });
        print(options.json ? JSON.stringify(created) : created.secret);
      }),
    );
  key
    .command('list')
    .description('list keys, newest first')
    .addOption(organizationOption())
    .option('--json', 'print JSON')
    .action((options: Options) =>
      withDatabase(async (database) => {
        const keys = await listNodeApiKeys(database, await organizationId(database, options.organization));
        printRows(
          keys.map(({ id, name, keyPrefix, nodeId, revokedAt, blockedAt, lastUsedAt }) => ({
            id,
            name,
            prefix: keyPrefix,
            node_id: nodeId,
            revoked_at: revokedAt,
            blocked_at: blockedAt,
            last_used_at: lastUsedAt,
          })),
          options,
        );
      }),
    );
  key
    .command('revoke <id>')
    .description("end a key at once; its node's socket closes")
    .addOption(organizationOption())
    .action((id: string, options: Options) =>
      withDatabase(async (database) => {
        const revoked = await revokeNodeApiKey(database, await organizationId(database, options.organization), id);
        if (!revoked) throw new Error(`no key ${id} that is not revoked yet`);
        print(`revoked ${id}`);
      }),
    );
  key
    .command('unblock <id>')
    .description('let a key that was blocked after takeovers be used again')
    .addOption(organizationOption())
    .action((id: string, options: Options) =>
      withDatabase(async (database) => {
        const unblocked = await unblockNodeApiKey(database, await organizationId(database, options.organization), id);
        if (!unblocked) throw new Error(`no key ${id} that is blocked`);
        print(`unblocked ${id}`);
      }),
    );
  return key;
}
