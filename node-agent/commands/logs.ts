import { Command } from 'commander';
import { NodeAgentError } from '../errors.js';
import { findAttempt } from '../store/attempts.js';
import { executionsAfter, findExecution } from '../store/executions.js';
import { readPiece, textsOf } from '../store/read-lines.js';
import type { Store } from '../store/open.js';
import type { ExecutionRow } from '../store/rows.js';
import type { LogLine } from '../../protocol/page.js';
import { uuidOption } from './options.js';
import { print } from './print.js';
import { withStore } from './with-store.js';

export function logsCommand(): Command {
  return new Command('logs')
    .description('Print the recorded lines of an attempt or of one execution.')
    .argument('<id>', 'UUID of an attempt or an execution', uuidOption)
    .option('--json', 'print one JSON object per line')
    .action((id: string, options: { json?: boolean }) =>
      withStore((store) => print(linesOf(store, executionsOf(store, id), options.json === true))),
    );
}

function executionsOf(store: Store, id: string): ExecutionRow[] {
  const attempt = findAttempt(store, id);
  if (attempt) return [...executionsAfter(store, attempt.key)];
  const execution = findExecution(store, id);
  if (!execution) throw new NodeAgentError('not_found', `there is no attempt or execution ${id} on this machine`);
  return [execution];
}

function* linesOf(store: Store, executions: ExecutionRow[], json: boolean): Generator<string> {
  for (const { key, id, log_lines: through, pruned } of executions) {
    if (pruned !== 0) {
      process.stderr.write(`node-agent: the ${through} lines of execution ${id} were pruned; the hive has them\n`);
      continue;
    }
    for (let seq = 0; seq < through;) {
      const piece = readPiece(store, key, seq, through);
      if (!piece) break;
      for (const text of textsOf(piece)) {
        seq++;
        const line = JSON.parse(text) as LogLine;
        yield json ? JSON.stringify({ execution_id: id, seq, ...line }) : line.content;
      }
    }
  }
}
