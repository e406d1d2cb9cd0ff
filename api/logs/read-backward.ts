/** Reads an attempt's log backward: the last execution first, its last line first. */
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { listLogExecutionsBackward, type LogExecution, type LogFilter } from '../../prisma/queries/read-log.js';
import { toEntryId, type EntryPosition } from './entry-id.js';
import { readEntries, type EncodedEntry } from './read-entries.js';
import { ReadBudget, type BudgetOptions } from './read-budget.js';

export interface BackwardRead {
  entries: EncodedEntry[];
  /** The id of the last line that was looked at; null if none was. Lines before it have not been read. */
  lastId: number | null;
  hasMore: boolean;
}

/** Executions looked at in one read. */
export const MAX_EXECUTIONS = 1000;
export const MAX_ORDINAL = 2 ** 31 - 1;

/** @param before the entry to read back from; undefined to read from the end */
export async function readBackward(
  scope: OrganizationScope,
  attemptId: string,
  before: EntryPosition | undefined,
  options: BudgetOptions & { filter: LogFilter },
): Promise<BackwardRead> {
  const { filter } = options;
  const executions = await listLogExecutionsBackward(scope, attemptId, filter, {
    throughOrdinal: before?.ordinal ?? MAX_ORDINAL,
    limit: MAX_EXECUTIONS + 1,
  });
  const more = executions.length > MAX_EXECUTIONS;
  if (more) executions.pop();
  const budget = new ReadBudget(options);
  const entries: EncodedEntry[] = [];
  let lastId: number | null = null;
  for (const execution of executions) {
    let next = lastUnread(execution, before);
    if (execution.matchingLines === 0) next = 0;
    while (next > 0 && !budget.spent) {
      const fromSeq = filter.outputType ? 1 : Math.max(1, next - budget.entriesLeft + 1);
      const range = { fromSeq, toSeq: next, direction: 'backward', outputType: filter.outputType } as const;
      next = budget.take(await readEntries(scope, execution, range), entries) - 1;
      lastId = toEntryId({ ordinal: execution.ordinal, seq: next + 1 });
    }
    if (next > 0) return { entries, lastId, hasMore: true };
  }
  return { entries, lastId, hasMore: more };
}

/** @returns the last line of an execution that has not been read */
export function lastUnread({ ordinal, storedLines }: LogExecution, before: EntryPosition | undefined): number {
  return before?.ordinal === ordinal ? Math.min(before.seq - 1, storedLines) : storedLines;
}
