import { Command, Option } from 'commander';
import { addHiveOptions, type HiveOptions } from '../hive-access.js';
import { countArgument } from '../usage.js';
import { bodyOf, withHive, type Hive } from './api.js';
import { addAttemptOptions, attemptFilters, type AttemptFilters, type AttemptOptions } from './attempt-query.js';
import { ATTEMPT_COLUMNS, attemptRows } from './attempt-rows.js';
import type { Attempt } from './attempt-text.js';
import { listNodes, namesOf } from './find-node.js';
import { jsonLine } from './json-line.js';
import { printTable } from './print-table.js';
import { watchAttempts } from './watch-attempts.js';
import { write } from './write.js';

interface Options extends HiveOptions, AttemptOptions {
  title?: string;
  order?: 'arrived' | 'created' | 'changed';
  limit: number;
  watch?: true;
  json?: true;
}

/** Of one request. */
const PAGE = 500;

export function attemptsCommand(): Command {
  return addHiveOptions(addAttemptOptions(new Command('attempts')))
    .description('List attempts, newest first. What an offline node brings late is new when it comes.')
    .option('--title <text>', 'only attempts with this text in their title or command')
    .addOption(
      new Option(
        '--order <order>',
        'by when the hive learnt of them, by the clocks of their nodes, or by the last change',
      )
        .choices(['arrived', 'created', 'changed'])
        .default('arrived'),
    )
    .option('-l, --limit <count>', 'at most so many', countArgument, 50)
    .option('-w, --watch', 'go on: a table that stays current in a terminal, otherwise a line for each change')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nLINES is what the hive has stored; where that is not all, of how many, and why.')
    .action((options: Options) =>
      withHive(options, async (hive) => {
        const listing = listNodes(hive); // names are needed later than the attempts, unless one is given
        listing.catch(() => undefined);
        const nodes = options.node === undefined ? [] : await listing;
        const { title: q } = options;
        const filters: AttemptFilters = { ...attemptFilters(options, nodes), ...(q !== undefined && { q }) };
        const { limit, order, json = false } = options;
        const list = (most: number) => listAttempts(hive, { ...filters, order }, Math.min(limit, most));
        if (options.watch) {
          await watchAttempts(hive, { filters, list, nodes: await listing, json });
          return;
        }
        const attempts = await list(limit);
        if (json) await write(attempts.map(jsonLine).join(''));
        else if (attempts.length === 0) process.stderr.write('no attempts\n');
        else await printTable(ATTEMPT_COLUMNS, attemptRows(attempts, namesOf(await listing), process.stdout.isTTY));
      }),
    );
}

/** @returns the newest, at most `limit` of them */
async function listAttempts({ api }: Hive, filters: object, limit: number): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  let cursor: string | undefined;
  while (attempts.length < limit) {
    const query = {
      ...filters,
      limit: Math.min(PAGE, limit - attempts.length),
      ...(cursor !== undefined && { cursor }),
    };
    const page = await bodyOf(api.GET('/v1/swarm/attempts', { params: { query } }));
    attempts.push(...page.attempts);
    if (!page.has_more || page.next_cursor === null) break;
    cursor = page.next_cursor;
  }
  return attempts;
}
