/** The way of a search through an attempt's executions, and how far it has come. */
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { listLogExecutionsBackward, type LogExecution, type LogFilter } from '../../prisma/queries/read-log.js';
import { decodeCursor, encodeCursor, isForwardCursor, LOG_START, type ForwardCursor } from '../logs/cursor.js';
import { toEntryId, type EntryPosition } from '../logs/entry-id.js';
import { lastUnread, MAX_EXECUTIONS, MAX_ORDINAL } from '../logs/read-backward.js';
import { locate } from '../logs/read-forward.js';
import { invalidCursor } from '../problem.js';

/** Lines of an execution that have not been searched, both inclusive. */
export interface UnsearchedLines {
  execution: LogExecution;
  fromSeq: number;
  toSeq: number;
}

export interface SearchWalk {
  direction: 'forward' | 'backward';
  /** In the direction's order, without executions that have none. */
  unsearched: readonly UnsearchedLines[];
  /** There are executions after these. */
  more: boolean;
  /** @returns false if a cursor has no room for this execution, which ends the walk */
  admits(execution: LogExecution): boolean;
  /** Notes that an execution has been searched up to a line, and those before it to their end. */
  looked(execution: LogExecution, seq: number): void;
  /** Notes that all have been searched. */
  end(): void;
  /** @returns whether lines are left after what has been noted */
  isUnfinished(): boolean;
  /** @returns where to go on; null if nothing has been looked at */
  cursor(): string | null;
}

type StartWalk = (scope: OrganizationScope, attemptId: string, filter: LogFilter) => Promise<SearchWalk>;

/** @throws ApiError invalid_cursor */
export function searchStart(direction: SearchWalk['direction'], cursor: string | undefined): StartWalk {
  const start = cursor === undefined ? undefined : decodeCursor(cursor);
  if (direction === 'forward') return (...log) => walkForward(...log, start ?? LOG_START);
  if (start && isForwardCursor(start)) throw invalidCursor('is a forward cursor');
  return (...log) => walkBackward(...log, start);
}

async function walkForward(
  scope: OrganizationScope,
  attemptId: string,
  filter: LogFilter,
  start: ForwardCursor | EntryPosition,
): Promise<SearchWalk> {
  const { executions, more, progress } = await locate(scope, attemptId, start, filter);
  const unsearched = executions.flatMap((execution) => {
    const fromSeq = progress.of(execution) + 1;
    const toSeq = execution.matchingLines === 0 ? 0 : execution.storedLines;
    return fromSeq <= toSeq ? [{ execution, fromSeq, toSeq }] : [];
  });
  let index = 0;
  const passTo = (end: number) => {
    for (; index < end; index++) {
      const execution = executions[index];
      if (execution) progress.set(execution, Math.max(progress.of(execution), execution.storedLines));
    }
  };
  return {
    direction: 'forward',
    unsearched,
    more,
    admits: (execution) => progress.admits(execution),
    looked(execution, seq) {
      passTo(executions.findIndex(({ id }) => id === execution.id));
      progress.set(execution, seq);
    },
    end: () => passTo(executions.length),
    isUnfinished: () => more || unsearched.some(({ execution, toSeq }) => isBehind(execution, toSeq)),
    cursor: () => encodeCursor(progress.cursor()),
  };

  function isBehind(execution: LogExecution, toSeq: number): boolean {
    const place = executions.findIndex(({ id }) => id === execution.id);
    return place > index || (place === index && progress.of(execution) < toSeq);
  }
}

async function walkBackward(
  scope: OrganizationScope,
  attemptId: string,
  filter: LogFilter,
  before: EntryPosition | undefined,
): Promise<SearchWalk> {
  const executions = await listLogExecutionsBackward(scope, attemptId, filter, {
    throughOrdinal: before?.ordinal ?? MAX_ORDINAL,
    limit: MAX_EXECUTIONS + 1,
  });
  const more = executions.length > MAX_EXECUTIONS;
  if (more) executions.pop();
  const unsearched = executions.flatMap((execution) => {
    const toSeq = execution.matchingLines === 0 ? 0 : lastUnread(execution, before);
    return toSeq > 0 ? [{ execution, fromSeq: 1, toSeq }] : [];
  });
  let last: EntryPosition | undefined;
  return {
    direction: 'backward',
    unsearched,
    more,
    admits: () => true,
    looked: ({ ordinal }, seq) => void (last = { ordinal, seq }),
    end() {
      const first = executions.at(-1);
      if (first) last = { ordinal: first.ordinal, seq: 1 };
    },
    isUnfinished() {
      const lowest = unsearched.at(-1)?.execution.ordinal;
      return more || (lowest !== undefined && (!last || last.ordinal > lowest || last.seq > 1));
    },
    cursor: () => (last ? String(toEntryId(last)) : null),
  };
}
