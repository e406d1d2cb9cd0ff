import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { findLogTotals, type LogFilter, type LogTotals } from '../../prisma/queries/read-log.js';
import { invalidCursor, notFound } from '../problem.js';
import { EncodedJson } from '../route.js';
import type { LogEntry } from '../schemas/log.js';
import { decodeCursor, encodeCursor, isForwardCursor, LOG_START, type ForwardCursor } from './cursor.js';
import type { EntryPosition } from './entry-id.js';
import { damaged, LogReplacedError, type EncodedEntry } from './read-entries.js';
import { readBackward } from './read-backward.js';
import { readForward, type ForwardOptions, type ForwardRead } from './read-forward.js';
import type { BudgetOptions } from './read-budget.js';

export interface PageRequest extends BudgetOptions {
  filter: LogFilter;
  cursor: string | undefined;
  direction: 'forward' | 'backward';
}

export interface ReadPage {
  entries: EncodedEntry[];
  hasMore: boolean;
  totalCount: number;
  /** The cursor to go on from; null at the end. */
  nextCursor: string | null;
  /** The id of the last line that was looked at; null if none was. */
  lastId: number | null;
}

/** How many times a read is tried when the log is replaced while it reads. */
const MAX_REPLACED = 3;

/** Reads one page of an attempt's log. @throws ApiError not_found, invalid_cursor, log_damaged */
export async function readLogPage(
  scope: OrganizationScope,
  attemptId: string,
  { filter, cursor, direction, limit }: PageRequest,
): Promise<ReadPage> {
  const totals = await findLog(scope, attemptId, filter);
  const totalCount = Number(totals.lines);
  const start = cursor === undefined ? undefined : decodeCursor(cursor);
  if (direction === 'forward') {
    const read = await readFrom(scope, attemptId, start ?? LOG_START, { filter, limit });
    const { hasMore, lastId } = read;
    const entries = read.segments.flatMap((segment) => segment.entries);
    const nextCursor = hasMore || mayGrow(totals) ? encodeCursor(read.cursor) : null;
    return { entries, hasMore, totalCount, nextCursor, lastId };
  }
  if (start && isForwardCursor(start)) throw invalidCursor('is a forward cursor');
  const read = await retryReplaced(() => readBackward(scope, attemptId, start, { filter, limit }));
  const { entries, hasMore, lastId } = read;
  return { entries, hasMore, totalCount, nextCursor: hasMore && lastId !== null ? String(lastId) : null, lastId };
}

/** @throws ApiError not_found */
export async function findLog(scope: OrganizationScope, attemptId: string, filter: LogFilter): Promise<LogTotals> {
  const totals = await findLogTotals(scope, attemptId, filter);
  if (!totals) throw notFound('task attempt');
  if (filter.executionId !== undefined && totals.executions === 0) throw notFound('execution');
  return totals;
}

/** @returns whether more lines may come, of an execution that has not ended or one that the hive does not know yet */
export function mayGrow({ state, unfinished }: Pick<LogTotals, 'state' | 'unfinished'>): boolean {
  return unfinished || state === 'partial' || state === 'pending_backfill';
}

export function readFrom(
  scope: OrganizationScope,
  attemptId: string,
  start: ForwardCursor | EntryPosition,
  options: ForwardOptions,
): Promise<ForwardRead> {
  return retryReplaced(() => readForward(scope, attemptId, start, options));
}

async function retryReplaced<T>(read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof LogReplacedError)) throw error;
      if (tries === MAX_REPLACED) throw damaged(error.executionId, error.firstSeq, error.lastSeq);
    }
  }
}

/** Encodes a page of entries without parsing them first. */
export function encodeEntries<Page extends { entries: LogEntry[] }>(
  entries: EncodedEntry[],
  rest: Omit<Page, 'entries'>,
): EncodedJson<Page> {
  const joined = entries.map(({ json }) => json).join(',');
  return new EncodedJson(`{"entries":[${joined}],${JSON.stringify(rest).slice(1)}`);
}
