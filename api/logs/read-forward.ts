/** Reads an attempt's log forward from a cursor, through its executions, several of which may still be running. */
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { listLogExecutions, type LogExecution, type LogFilter } from '../../prisma/queries/read-log.js';
import { isForwardCursor, MAX_LISTED_EXECUTIONS, type ForwardCursor } from './cursor.js';
import { toEntryId, type EntryPosition } from './entry-id.js';
import { readEntries, type EncodedEntry } from './read-entries.js';
import { ReadBudget, type BudgetOptions } from './read-budget.js';

/** Entries of one execution, and where the reader was before the first of them. */
export interface LogSegment {
  before: ForwardCursor;
  ordinal: number;
  entries: EncodedEntry[];
  /** The last of them is the last that there will be. */
  hasEnded: boolean;
}

export interface ForwardRead {
  segments: LogSegment[];
  cursor: ForwardCursor;
  /** The id of the last line that was looked at; null if none was. */
  lastId: number | null;
  /** There are more lines now. */
  hasMore: boolean;
}

/** Executions looked at in one read. */
const MAX_EXECUTIONS = 1000;

export interface ForwardOptions extends BudgetOptions {
  filter: LogFilter;
  /** Lines after it are not looked at. @default all that are stored are */
  until?: ForwardCursor;
}

export async function readForward(
  scope: OrganizationScope,
  attemptId: string,
  start: ForwardCursor | EntryPosition,
  options: ForwardOptions,
): Promise<ForwardRead> {
  const { filter, until } = options;
  const located = await locate(scope, attemptId, start, filter);
  const { progress } = located;
  const executions = until ? located.executions.flatMap((execution) => cut(execution, until)) : located.executions;
  const more = located.more && executions.length === located.executions.length;
  const budget = new ReadBudget(options);
  const segments: LogSegment[] = [];
  let lastId: number | null = null;
  for (const execution of executions) {
    if (!progress.admits(execution)) return { segments, cursor: progress.cursor(), lastId, hasMore: false };
    let position = progress.of(execution);
    const segment: LogSegment = { before: progress.cursor(), ordinal: execution.ordinal, entries: [], hasEnded: false };
    if (execution.matchingLines === 0) position = Math.max(position, execution.storedLines);
    while (position < execution.storedLines && !budget.spent) {
      const toSeq = filter.outputType
        ? execution.storedLines
        : Math.min(execution.storedLines, position + budget.entriesLeft);
      const range = { fromSeq: position + 1, toSeq, direction: 'forward', outputType: filter.outputType } as const;
      position = budget.take(await readEntries(scope, execution, range), segment.entries);
      lastId = toEntryId({ ordinal: execution.ordinal, seq: position });
    }
    progress.set(execution, position);
    segment.hasEnded = position >= execution.storedLines && !execution.unfinished;
    if (segment.entries.length > 0) segments.push(segment);
    if (position < execution.storedLines) return { segments, cursor: progress.cursor(), lastId, hasMore: true };
  }
  return { segments, cursor: progress.cursor(), lastId, hasMore: more };
}

/** @returns the execution as if it had ended at its last line up to `until`; nothing if that is before it */
function cut(execution: LogExecution, { through, positions }: ForwardCursor): LogExecution[] {
  const end = positions.get(execution.ordinal);
  if (end === undefined && execution.ordinal > through) return [];
  const storedLines = Math.min(execution.storedLines, end ?? execution.storedLines);
  return [{ ...execution, storedLines, unfinished: false }];
}

/** Finds the executions that come next, and how far each has been read. */
export async function locate(
  scope: OrganizationScope,
  attemptId: string,
  start: ForwardCursor | EntryPosition,
  filter: LogFilter,
) {
  const byCursor = isForwardCursor(start);
  const single = filter.executionId !== undefined;
  const executions = await listLogExecutions(scope, attemptId, filter, {
    afterOrdinal: byCursor ? start.through : start.ordinal - 1,
    ordinals: byCursor ? [...start.positions.keys()] : [],
    unfinished: !byCursor, // an entry's id says nothing about earlier executions that are still running
    limit: MAX_EXECUTIONS + 1,
  });
  const more = executions.length > MAX_EXECUTIONS;
  if (more) executions.pop();
  return {
    executions,
    more,
    progress: byCursor ? new Progress(start, single) : Progress.afterEntry(start, executions, single),
  };
}

/** How far each execution has been read. */
export class Progress {
  readonly #single: boolean;
  #through: number;
  /** In the order of the executions, except those that a read did not reach. */
  readonly #positions: Map<number, number>;

  /** @param single only one execution is looked at, so nothing is known about those before it */
  constructor({ through, positions }: ForwardCursor, single: boolean) {
    this.#single = single;
    this.#through = through;
    this.#positions = new Map(positions);
  }

  /** Earlier executions count as read up to what is stored now, so that only later lines are new. */
  static afterEntry({ ordinal, seq }: EntryPosition, executions: LogExecution[], single: boolean): Progress {
    const earlier = executions.filter((execution) => execution.ordinal < ordinal);
    const positions = new Map(earlier.map((execution) => [execution.ordinal, execution.storedLines]));
    if (seq > 0) positions.set(ordinal, seq);
    return new Progress({ through: single ? 0 : Math.max(0, ordinal - 1), positions }, single);
  }

  of({ ordinal }: LogExecution): number {
    return this.#positions.get(ordinal) ?? 0;
  }

  /**
   * Executions that are set aside are dropped from the cursor before it comes to this.
   * @returns false if the cursor would grow too large with this execution
   */
  admits({ ordinal }: LogExecution): boolean {
    return this.#positions.has(ordinal) || this.#positions.size < MAX_LISTED_EXECUTIONS;
  }

  set({ ordinal, storedLines, unfinished, isSetAside }: LogExecution, position: number): void {
    if (this.#single) {
      this.#positions.set(ordinal, position);
      return;
    }
    const done = position >= storedLines;
    const crowded = this.#positions.size >= MAX_LISTED_EXECUTIONS / 2;
    if (done && (!unfinished || (isSetAside && crowded))) this.#positions.delete(ordinal);
    else this.#positions.set(ordinal, position);
    if (done) this.#through = Math.max(this.#through, ordinal);
  }

  cursor(): ForwardCursor {
    return { through: this.#through, positions: new Map(this.#positions) };
  }
}
