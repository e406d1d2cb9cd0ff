import { Command } from 'commander';
import { addHiveOptions, type HiveOptions } from '../hive-access.js';
import { withHive, type Schemas } from './api.js';
import { distinctLength } from './attempt-rows.js';
import { shortText, statusCell, statusText } from './attempt-text.js';
import { attemptArgument, findAttemptId } from './find-attempt.js';
import { jsonLine } from './json-line.js';
import { readAttempt } from './log-start.js';
import { printTable, terminalWidth } from './print-table.js';
import type { Cell, Column } from './table.js';
import { age, duration, timeText } from './time.js';
import { whatNext } from './what-next.js';
import { fit } from './width.js';
import { write } from './write.js';

type Detail = Schemas['AttemptDetail'];

/** Of each, an attempt can have very many. */
const MAX_SHOWN = 50;

const COLUMNS: readonly Column[] = [
  { title: 'EXECUTION' },
  { title: 'WHAT', leaveOut: 1 },
  { title: 'STATUS' },
  { title: 'STARTED', leaveOut: 2 },
  { title: 'TOOK' },
  { title: 'LINES', isNumber: true },
];

export function showCommand(): Command {
  return addHiveOptions(new Command('show'))
    .description('Show an attempt: what ran, how it ended, what is missing and why, and what happens next.')
    .argument('<attempt>', 'id of the attempt, or its beginning', attemptArgument)
    .option('--json', 'print one JSON object')
    .action((attempt: string, options: HiveOptions & { json?: true }) =>
      withHive(options, async (hive) => {
        const detail = await readAttempt(hive, await findAttemptId(hive, attempt));
        if (options.json) await write(jsonLine(detail));
        else await printDetail(detail);
      }),
    );
}

async function printDetail(detail: Detail): Promise<void> {
  const { executions, sync } = detail;
  await write(
    facts(detail)
      .map(([name, text]) => cut(`${name.padEnd(10)}${text}`))
      .join(''),
  );
  if (executions.length > 0) {
    await write('\n');
    await printTable(COLUMNS, executionRows(executions.slice(-MAX_SHOWN)));
    if (executions.length > MAX_SHOWN) await write(`(the last ${MAX_SHOWN} of ${executions.length}; --json has all)\n`);
  }
  if (sync.missing.length > 0) {
    await write(`\nMissing here\n${sync.missing.slice(0, MAX_SHOWN).map(missingText).join('')}`);
  }
  await write(`\n${whatNext(detail)}\n`);
}

function facts({ attempt, node_info: node, sync, masked }: Detail): [string, string][] {
  const { summary } = attempt;
  const variant = attempt.executor_variant === null ? '' : ` (${shortText(attempt.executor_variant)})`;
  const optional = ([name, text]: [string, string | null | undefined]): [string, string][] =>
    text === null || text === undefined || text === '' ? [] : [[name, shortText(text)]];
  return [
    ['attempt', attempt.id],
    ...optional(['title', attempt.title]),
    ...optional(['command', attempt.command]),
    ['status', statusText(attempt)],
    [
      'node',
      `${shortText(node.name)} (${shortText(node.status)}${node.since === null ? '' : ` since ${timeText(node.since)}`})`,
    ],
    ['executor', shortText(attempt.executor) + variant],
    ...optional(['branch', [attempt.branch, attempt.target_branch].filter((branch) => branch !== '').join(' -> ')]),
    ...optional(['task', attempt.shared_task_id]),
    ['made', `${timeText(attempt.created_at)}, ${ago(attempt.created_at)}, by the node's clock`],
    ['arrived', `${timeText(attempt.arrived_at)}, ${ago(attempt.arrived_at)}`],
    ...optional(['model', summary?.model]),
    ...optional(['cost', summary?.cost_usd == null ? null : `$${summary.cost_usd.toFixed(2)}`]),
    ...optional([
      'tokens',
      summary?.output_tokens == null ? null : `${summary.input_tokens ?? '?'} in, ${summary.output_tokens} out`,
    ]),
    ...optional(['said', summary?.last_message]),
    ...optional(['masked', masked === 0 ? null : `${masked} secret values`]),
    ['lines', `${sync.lines_stored} of ${sync.lines_declared} stored: ${sync.state.replace('_', ' ')}`],
  ];
}

function ago(time: string): string {
  const text = age(time);
  return text.includes('-') ? text : `${text} ago`;
}

function executionRows(executions: Detail['executions']): Cell[][] {
  const length = terminalWidth() === undefined ? undefined : distinctLength(executions.map(({ id }) => id));
  return executions.map((execution) => executionRow(execution, length));
}

/** @param length of the id; undefined for all of it */
function executionRow(execution: Detail['executions'][number], length: number | undefined): Cell[] {
  const {
    id,
    run_reason: reason,
    started_at: start,
    completed_at: end,
    stored_lines: stored,
    log_lines: lines,
  } = execution;
  const took = Date.parse(end ?? new Date().toISOString()) - Date.parse(start);
  const count = stored === lines ? String(stored) : `${stored}/${lines}`;
  return [id.slice(0, length), reason, statusCell(execution), timeText(start), duration(took), count];
}

/** Not cut: it says what can be done. */
function missingText({ execution_id: id, explanation }: Detail['sync']['missing'][number]) {
  return `  execution ${id}: ${shortText(explanation)}\n`;
}

/** @returns the line, cut to fit a terminal, with its newline */
function cut(line: string): string {
  const width = terminalWidth();
  return `${width === undefined ? line : fit(line, width)}\n`;
}
