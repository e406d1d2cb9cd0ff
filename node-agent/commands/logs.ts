import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { LogLine, OutputType } from '../../protocol/page.js';
import { counted } from '../counted.js';
import { NodeAgentError } from '../errors.js';
import { findAttempt } from '../store/attempts.js';
import { executionsAfter, findExecution } from '../store/executions.js';
import type { Store } from '../store/open.js';
import type { ExecutionRow } from '../store/rows.js';
import { soundLines } from '../store/sound-lines.js';
import { countOption, uuidOption } from './options.js';
import { jsonLine, print } from './print.js';
import { safeLine } from '../../protocol/terminal-line.js';
import { withStore } from './with-store.js';

/** How often a running execution is looked at. */
const FOLLOW_MS = 200;

interface LogsOptions {
  json?: boolean;
  follow?: boolean;
  tail?: number;
}

export function logsCommand(): Command {
  return new Command('logs')
    .description('Print the recorded lines of an attempt or of one execution.')
    .argument('<id>', 'UUID of an attempt or an execution', uuidOption)
    .option('-f, --follow', 'go on until every execution has ended')
    .option('--tail <count>', 'only the last lines of each execution', countOption)
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nLines that are damaged in the store are named on stderr, the others are printed;\nthe exit status is then 1.',
    )
    .action((id: string, options: LogsOptions) => withStore((store) => new LogPrinter(store, options).print(id)));
}

class LogPrinter {
  readonly #store: Store;
  readonly #options: LogsOptions;
  /** By execution: the last line printed, and the beginnings of lines whose ends have not come yet. */
  readonly #read = new Map<string, { through: number; begun: Map<OutputType, string> }>();
  #damaged = 0;

  constructor(store: Store, options: LogsOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** @throws NodeAgentError `not_found`; `damaged` if lines could not be read */
  async print(id: string): Promise<void> {
    const { follow = false } = this.#options;
    for (;;) {
      const executions = this.#executionsOf(id);
      const isOver = !follow || executions.every(({ status }) => status !== 'running');
      await print(this.#lines(executions, isOver));
      if (isOver || process.stdout.destroyed) break;
      await sleep(FOLLOW_MS);
    }
    if (this.#damaged > 0) {
      throw new NodeAgentError('damaged', `${counted(this.#damaged, 'line')} of this store cannot be read`);
    }
  }

  #executionsOf(id: string): ExecutionRow[] {
    const attempt = findAttempt(this.#store, id);
    if (attempt) return [...executionsAfter(this.#store, attempt.key)];
    const execution = findExecution(this.#store, id);
    if (!execution) throw new NodeAgentError('not_found', `there is no attempt or execution ${id} on this machine`);
    return [execution];
  }

  *#lines(executions: readonly ExecutionRow[], isOver: boolean): Generator<string> {
    for (const { key, id, log_lines: through, pruned } of executions) {
      const known = this.#read.get(id);
      if (pruned !== 0) {
        if (!known) warn(`the ${through} lines of execution ${id} were pruned; the hive has them`);
        this.#read.set(id, { through, begun: new Map() });
        continue;
      }
      const { tail } = this.#options;
      const state = known ?? {
        through: tail === undefined ? 0 : Math.max(0, through - tail),
        begun: new Map<OutputType, string>(),
      };
      this.#read.set(id, state);
      for (const item of soundLines(this.#store, key, state.through, through)) {
        if (item.kind === 'line') yield* this.#shown(id, item.seq, item.line, state.begun);
        else this.#nameDamaged(id, item);
      }
      state.through = through;
      if (isOver) for (const rest of state.begun.values()) yield shownText(rest);
    }
  }

  *#shown(id: string, seq: number, line: LogLine, begun: Map<OutputType, string>): Generator<string> {
    if (this.#options.json) {
      yield jsonLine({ execution_id: id, seq, ...line });
      return;
    }
    const content = (begun.get(line.output_type) ?? '') + line.content;
    if (line.partial === true) begun.set(line.output_type, content);
    else {
      begun.delete(line.output_type);
      yield shownText(content);
    }
  }

  #nameDamaged(id: string, { first, last, why }: { first: number; last: number; why: string }): void {
    this.#damaged += last - first + 1;
    const lines = first === last ? `line ${first}` : `lines ${first} to ${last}`;
    warn(`${lines} of execution ${id}: ${why}`);
  }
}

function shownText(content: string): string {
  return process.stdout.isTTY ? safeLine(content) : content;
}

function warn(sentence: string): void {
  process.stderr.write(`node-agent: ${sentence}\n`);
}
