import { Command, InvalidArgumentError } from 'commander';
import type { Schemas } from '../../api/client/client.js';
import { withKeys } from './key-store.js';
import { addAdminOptions, type AdminOptions } from './on-hive-or-database.js';
import { print, type OutputOptions } from './output.js';
import { shortText } from './reading/attempt-text.js';
import { printList, type ListOf } from './reading/print-list.js';
import { agoText, standingCell } from './reading/standing.js';
import { uuidArgument } from './usage.js';

type Options = AdminOptions & OutputOptions;

const LIST: ListOf<Schemas['ApiKey']> = {
  columns: [
    { title: 'ID' },
    { title: 'STATE' },
    { title: 'NODE', leaveOut: 2 },
    { title: 'USED', leaveOut: 1 },
    { title: 'BEGINS', leaveOut: 3 },
    { title: 'NAME' },
  ],
  cells: (key) => [
    key.id,
    standingCell(key),
    (process.stdout.isTTY ? key.node_id?.slice(0, 8) : key.node_id) ?? '-',
    agoText(key.last_used_at),
    key.key_prefix,
    shortText(key.name),
  ],
  none: 'no keys; hive key create NAME makes one, and hive node invite takes a machine in without',
};

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
    .action((options: Options) => withKeys(options, async (keys) => printList(await keys.list(), LIST, options)));
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
