import { Command, Option } from 'commander';
import { addHiveOptions, type HiveOptions } from '../hive-access.js';
import { countArgument } from '../usage.js';
import { bodyOf, withHive, type Hive, type Schemas } from './api.js';
import { attemptArgument, findAttemptId } from './find-attempt.js';
import { BACKFILL_COLUMNS, backfillRow } from './backfill-rows.js';
import { findNode, listNodes, namesOf } from './find-node.js';
import { jsonLine } from './json-line.js';
import { printTable } from './print-table.js';
import { watchBackfills } from './watch-backfills.js';
import { write } from './write.js';

type Status = Schemas['ListedBackfill']['status'];

interface Options extends HiveOptions {
  node?: string;
  attempt?: string;
  status?: Status;
  limit: number;
  watch?: true;
  json?: true;
}

export type ListedBackfill = Schemas['ListedBackfill'];

const STATUSES: readonly Status[] = ['running', 'completed', 'failed', 'cancelled', 'timed_out', 'terminated'];
/** Of one request. */
const PAGE = 100;

export function backfillsCommand(): Command {
  return addHiveOptions(new Command('backfills'))
    .description(
      'List backfills, newest first: what closed the gaps of which attempts, and how far those are that run.',
    )
    .option('--node <node>', 'only those of this node, by its name or id')
    .option('--attempt <id>', 'only those of this attempt', attemptArgument)
    .addOption(new Option('-s, --status <status>', 'only those that run, or that ended so').choices(STATUSES))
    .option('-l, --limit <count>', 'at most so many', countArgument, 30)
    .option('-w, --watch', 'go on: a table that stays current in a terminal, otherwise a line for each change')
    .option('--json', 'print one JSON object a line')
    .action((options: Options) =>
      withHive(options, async (hive) => {
        const nodes = await listNodes(hive);
        const query = {
          ...(options.node !== undefined && { node_id: findNode(nodes, options.node).id }),
          ...(options.attempt !== undefined && { attempt_id: await findAttemptId(hive, options.attempt) }),
          ...(options.status !== undefined && { status: options.status }),
        };
        const list = () => listBackfills(hive, query, options.limit);
        if (options.watch) {
          await watchBackfills(hive, { list, nodeName: namesOf(nodes), json: options.json ?? false });
          return;
        }
        const backfills = await list();
        if (options.json) await write(backfills.map(jsonLine).join(''));
        else if (backfills.length === 0) process.stderr.write('no backfills\n');
        else {
          const rows = backfills.map((backfill) => backfillRow(backfill, namesOf(nodes), process.stdout.isTTY));
          await printTable(BACKFILL_COLUMNS, rows);
        }
      }),
    );
}

/** @returns the newest, at most `limit` of them */
export async function listBackfills({ api }: Hive, filters: object, limit: number): Promise<ListedBackfill[]> {
  const backfills: ListedBackfill[] = [];
  let cursor: string | undefined;
  while (backfills.length < limit) {
    const query = {
      ...filters,
      limit: Math.min(PAGE, limit - backfills.length),
      ...(cursor !== undefined && { cursor }),
    };
    const page = await bodyOf(api.GET('/v1/backfills', { params: { query } }));
    backfills.push(...page.backfills);
    if (!page.has_more || page.next_cursor === null) break;
    cursor = page.next_cursor;
  }
  return backfills;
}
