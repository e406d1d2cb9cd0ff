import { Command, InvalidArgumentError } from 'commander';
import { bodyOf, createHiveClient, type Schemas } from '../../api/client/client.js';
import { DEFAULT_INVITE_MINUTES, MAX_INVITE_MINUTES } from '../../api/schemas/node-invite.js';
import { printable } from '../../protocol/printable.js';
import { addHiveOptions, connectToHive, findHive, NO_HIVE, type HiveOptions } from './hive-access.js';
import { JSON_OPTION, print, type OutputOptions } from './output.js';
import { printList, type ListOf } from './reading/print-list.js';
import { agoText } from './reading/standing.js';
import { timeText } from './reading/time.js';
import { UsageError, uuidArgument } from './usage.js';

type Options = HiveOptions & OutputOptions;

const LIST: ListOf<Schemas['NodeInvite']> = {
  columns: [
    { title: 'ID' },
    { title: 'STATUS' },
    { title: 'USED', leaveOut: 1 },
    { title: 'BEGINS', leaveOut: 2 },
    { title: 'KEY', leaveOut: 3 },
    { title: 'EXPIRES' },
  ],
  cells: (invite) => [
    invite.id,
    invite.status,
    agoText(invite.used_at),
    invite.token_prefix,
    invite.api_key_id ?? '-',
    timeText(invite.expires_at),
  ],
  none: 'no invitations; hive node invite makes one',
};

export function nodeCommand(): Command {
  const node = new Command('node').description('Take machines in.');
  subcommand(node, 'invite')
    .description('Make a one-time token with which a machine gets a key of its own, and print it.')
    .option('--expires-in-minutes <minutes>', 'how long it is good for', minutes, DEFAULT_INVITE_MINUTES)
    .action(async (options: Options & { expiresInMinutes: number }) => {
      const address = await findHive(options);
      if (!address) throw new UsageError(NO_HIVE);
      const body = { expires_in_minutes: options.expiresInMinutes };
      const invite = await bodyOf(createHiveClient(address).POST('/v1/nodes/invites', { body }));
      print(options.json ? JSON.stringify({ ...invite, hive_url: address.url }) : invite.token);
      if (options.json) return;
      // standard output has the token alone, for scripts
      process.stderr.write(
        `On the machine, until ${printable(invite.expires_at)} and once:\n` +
          `  node-agent join ${printable(address.url)} --invite ${printable(invite.token)}\n`,
      );
    });
  subcommand(node, 'invites')
    .description('List the invitations, newest first.')
    .action(async (options: Options) => {
      await printList(await bodyOf((await connectToHive(options)).GET('/v1/nodes/invites')), LIST, options);
    });
  subcommand(node, 'withdraw')
    .description('Withdraw an invitation. A key that was made by it stays.')
    .argument('<id>', 'id of the invitation', uuidArgument)
    .action(async (id: string, options: Options) => {
      const hive = await connectToHive(options);
      await bodyOf(hive.DELETE('/v1/nodes/invites/{id}', { params: { path: { id } } }));
      print(options.json ? JSON.stringify({ withdrawn: id }) : `withdrew ${id}`);
    });
  return node;
}

function subcommand(node: Command, name: string): Command {
  return addHiveOptions(node.command(name)).option(...JSON_OPTION);
}

function minutes(text: string): number {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= 1 && value <= MAX_INVITE_MINUTES) return value;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_INVITE_MINUTES}.`);
}
