import { Command, InvalidArgumentError } from 'commander';
import type { Schemas } from '../../api/client/client.js';
import { withKeys } from './key-store.js';
import { addAdminOptions, type AdminOptions } from './on-hive-or-database.js';
import { print, printRows, type OutputOptions } from './output.js';
import { uuidArgument } from './usage.js';

type Options = AdminOptions & OutputOptions;

export function keyCommand(): Command {
  const key = new Command('key').description("Manage the nodes' API keys.");
  subcommand(key, 'create')
    .description('Create a key for one machine and print its secret, which is not shown again.')
    .argument('<name>', 'name of the key', keyName)
    .action((name: string, options: Options) =>
      withKeys(options, async (keys) => {
        const created = await keys.create(name);
        print(options.json ? JSON.stringify(created) : created.secret);
      }),
    );
  subcommand(key, 'list')
    .description('List the keys, newest first.')
    .action((options: Options) =>
      withKeys(options, async (keys) => {
        const rows = await keys.list();
        printRows(options.json ? rows : rows.map(columns), options);
      }),
    );
  subcommand(key, 'revoke')
    .description("Revoke a key. It stops working at once, and its node's socket is closed.")
    .argument('<id>', 'id of the key', uuidArgument)
    .action((id: string, options: Options) =>
      withKeys(options, async (keys) => {
        await keys.revoke(id);
        print(options.json ? JSON.stringify({ revoked: id }) : `revoked ${id}`);
      }),
    );
  subcommand(key, 'unblock')
    .description('Unblock a key that was blocked because another machine kept using it.')
    .argument('<id>', 'id of the key', uuidArgument)
    .action((id: string, options: Options) =>
      withKeys(options, async (keys) => {
        await keys.unblock(id);
        print(options.json ? JSON.stringify({ unblocked: id }) : `unblocked ${id}`);
      }),
    );
  return key;
}

function subcommand(key: Command, name: string): Command {
  return addAdminOptions(key.command(name), 'keys');
}

/** The API's own rule. */
function keyName(text: string): string {
  const name = text.trim();
  if (name.length < 1 || name.length > 256) throw new InvalidArgumentError('It must have 1 to 256 characters.');
  return name;
}

function columns(key: Schemas['ApiKey']) {
  const { id, name, key_prefix: prefix, node_id, revoked_at, blocked_at, last_used_at } = key;
  return { id, name, prefix, node_id, revoked_at, blocked_at, last_used_at };
}
