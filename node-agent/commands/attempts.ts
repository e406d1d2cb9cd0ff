import { Command } from 'commander';
import { withStore } from './with-store.js';
import { listAttempts } from '../store/attempts.js';
import { attemptSync, type AttemptRow } from '../store/rows.js';
import { print } from './print.js';
import { countOption } from './options.js';

export function attemptsCommand(): Command {
  return new Command('attempts')
    .description('List the attempts recorded on this machine, newest first.')
    .option('--limit <count>', 'maximum number of attempts', countOption, 100)
    .option('--json', 'print one JSON object per line')
    .action((options: { limit: number; json?: boolean }) =>
      withStore((store) => print(listAttempts(store, options.limit).map(options.json ? asJson : asText))),
    );
}

function asJson(row: AttemptRow): string {
  const { acked_state: sync_state, refused, masked } = row;
  return JSON.stringify({ ...attemptSync(row), sync_state, acknowledged: isAcknowledged(row), refused, masked });
}

function asText(row: AttemptRow): string {
  const hive =
    row.refused !== null ? `refused: ${row.refused}` : isAcknowledged(row) ? (row.acked_state ?? '') : 'not announced';
  const executions = `${row.execution_count} execution${row.execution_count === 1 ? '' : 's'}`;
  const masked = row.masked > 0 ? `(${row.masked} masked)` : '';
  const columns = [row.id, row.created_at, hive.padEnd(16), executions.padEnd(14), masked, row.title ?? ''];
  return columns
    .filter((column) => column !== '')
    .join('  ')
    .trimEnd();
}

function isAcknowledged(row: AttemptRow): boolean {
  return row.acked_revision === row.revision && row.refused === null;
}
