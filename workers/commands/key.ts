import { Command, InvalidArgumentError } from 'commander';
import type { Schemas } from '../../api/client/client.js';
import { addHiveOptions } from './hive-access.js';
import { withKeys, type KeyOptions } from './key-store.js';
import { print, printRows, type OutputOptions } from './output.js';
import { uuidArgument } from './usage.js';

type Options = KeyOptions & OutputOptions;

export function keyCommand(): Command {
  const key = new Command('key').description("nodes' API keys");
  subcommand(key, 'create')
    .description('make a key for one machine; its secret is shown this once')
    .argument('<name>', 'what to call it', keyName)
    .action((name: string, options: Options) =>
      withKeys(options, async (keys) => {
        const created = await keys.create(name);
        print(options.json ? JSON.stringify(created) : created.secret);
      }),
    );
  subcommand(key, 'list')
    .description('list keys, newest first')
    .action((options: Options) =>
      withKeys(options, async (keys) => {
        const rows = await keys.list();
        printRows(options.json ? rows : rows.map(columns), options);
      }),
    );
  subcommand(key, 'revoke')
    .description("end a key at once; its node's socket closes")
    .argument('<id>', 'the id of the key', uuidArgument)
    .action((id: string, options: Options) =>
      withKeys(options, async (keys) => {
        await keys.revoke(id);
        print(options.json ? JSON.stringify({ revoked: id }) : `revoked ${id}`);
      }),
    );
  subcommand(key, 'unblock')
    .description('let a key that was blocked after takeovers be used again')
    .argument('<id>', 'the id of the key', uuidArgument)
    .action((id: string, options: Options) =>
      withKeys(options, async (keys) => {
        await keys.unblock(id);
        print(options.json ? JSON.stringify({ unblocked: id }) : `unblocked ${id}`);
      }),
    );
  return key;
}

function subcommand(key: Command, name: string): Command {
  return addHiveOptions(key.command(name))
    .option('--organization <name>', "the organisation, on the database itself; else the token's, or `default`")
    .option('--json', 'print JSON');
}

/** As the API has it. */
function keyName(text: string): string {
  const name = text.trim();
  if (name.length < 1 || name.length > 256) throw new InvalidArgumentError('It must have 1 to 256 characters.');
  return name;
}

function columns(key: Schemas['ApiKey']) {
  const { id, name, key_prefix: prefix, node_id, revoked_at, blocked_at, last_used_at } = key;
  return { id, name, prefix, node_id, revoked_at, blocked_at, last_used_at };
}
