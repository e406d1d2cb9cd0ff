import { Command } from 'commander';
import { listAttempts } from '../store/attempts.js';
import { latestExecution } from '../store/executions.js';
import type { Store } from '../store/open.js';
import { attemptSync, type AttemptRow, type ExecutionRow } from '../store/rows.js';
import { countOption } from './options.js';
import { jsonLine, print } from './print.js';
import { tableLines } from './table.js';
import { visible } from '../../protocol/terminal-line.js';
import { withStore } from './with-store.js';

/** Of a title or a command: more fits no line. */
const MAX_TEXT = 500;

export function attemptsCommand(): Command {
  return new Command('attempts')
    .description(
      'List the attempts recorded on this machine, newest first: how they ended, and what the hive has of them.',
    )
    .option('--limit <count>', 'maximum number of attempts', countOption, 100)
    .option('--json', 'print one JSON object per line')
    .action((options: { limit: number; json?: boolean }) =>
      withStore((store) => {
        const rows = listAttempts(store, options.limit);
        if (rows.length === 0 && !options.json) process.stderr.write('no attempts\n'); // as `hive attempts` says it
        return print(options.json ? rows.map((row) => asJson(store, row)) : asTable(store, rows));
      }),
    );
}

function asJson(store: Store, row: AttemptRow): string {
  const { acked_state: sync_state, refused, masked } = row;
  const execution = latestExecution(store, row.key);
  const ended = { status: execution?.status ?? null, exit_code: execution?.exit_code ?? null };
  const own = { ...ended, command: commandOf(execution), masked };
  return jsonLine({ ...attemptSync(row), ...own, sync_state, acknowledged: isAcknowledged(row), refused });
}

function asTable(store: Store, rows: AttemptRow[]): string[] {
  const columns = [
    { title: 'ATTEMPT' },
    { title: 'STARTED (UTC)', leaveOut: 3 },
    { title: 'ENDED' },
    { title: 'RUNS', leaveOut: 4 },
    { title: 'IN THE HIVE', leaveOut: 1 },
    { title: 'MASKED', leaveOut: 2 },
    { title: 'TITLE OR COMMAND' },
  ];
  const cells = rows.map((row) => {
    const execution = latestExecution(store, row.key);
    const [started, runs] = [row.created_at.slice(0, 16).replace('T', ' '), String(row.execution_count)];
    return [row.id, started, howItEnded(execution), runs, inHive(row), String(row.masked), label(row, execution)];
  });
  if (cells.length === 0) return [];
  return tableLines(columns, cells, (process.stdout.isTTY && process.stdout.columns) || undefined);
}

function howItEnded(execution: ExecutionRow | undefined): string {
  if (!execution) return '-';
  const { status, exit_code: code } = execution;
  return status === 'failed' && code !== null ? `exit ${code}` : status;
}

function inHive(row: AttemptRow): string {
  if (row.refused !== null) return `refused: ${row.refused}`;
  return isAcknowledged(row) ? (row.acked_state ?? '-') : 'not announced';
}

function label({ title }: AttemptRow, execution: ExecutionRow | undefined): string {
  if (title !== null && title.trim() !== '') return visible(title.slice(0, MAX_TEXT));
  const command = commandOf(execution);
  return command === null ? '' : `$ ${visible(command.slice(0, MAX_TEXT))}`;
}

/** @returns the command as a shell would take it; null if the action is none that `run` has recorded */
function commandOf(execution: ExecutionRow | undefined): string | null {
  if (execution?.executor_action == null) return null;
  const action = JSON.parse(execution.executor_action) as { typ?: { script?: unknown } } | null;
  return typeof action?.typ?.script === 'string' ? action.typ.script : null;
}

function isAcknowledged(row: AttemptRow): boolean {
  return row.acked_revision === row.revision && row.refused === null;
}
