import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { bodyOf, type HiveClient } from '../../api/client/client.js';
import { printable } from '../../protocol/printable.js';
import { addHiveOptions, type HiveOptions } from './hive-access.js';
import { print, type OutputOptions } from './output.js';
import { withHive } from './reading/api.js';
import { attemptArgument, findAttemptId } from './reading/find-attempt.js';
import { UsageError } from './usage.js';

interface Options extends HiveOptions, OutputOptions {
  yes?: true;
}

export function deleteCommand(): Command {
  return addHiveOptions(new Command('delete'))
    .description('Delete an attempt for good: at the hive, and at its node, now or when that comes back.')
    .argument('<attempt>', 'id of the attempt, or its beginning', attemptArgument)
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action((attempt: string, options: Options) =>
      withHive(options, async (hive) => {
        const id = await findAttemptId(hive, attempt);
        if (options.yes !== true && !(await confirm(hive.api, id))) throw new Error('nothing was deleted');
        await bodyOf(hive.api.DELETE('/v1/swarm/attempts/{id}', { params: { path: { id } } }));
        print(options.json ? JSON.stringify({ deleted: id }) : `deleted ${id}`);
      }),
    );
}

/** @throws UsageError if there is nobody to ask */
async function confirm(hive: HiveClient, id: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UsageError('standard input is no terminal: give --yes to delete without a question');
  const {
    attempt,
    sync,
    node_info: node,
  } = await bodyOf(hive.GET('/v1/swarm/attempts/{id}', { params: { path: { id } } }));
  const what = `${attempt.title ?? attempt.command ?? id} (${sync.lines_stored} lines, of ${node.name})`;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Delete ${printable(what)} for good, here and at its node? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
