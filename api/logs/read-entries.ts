/** Reads entries of one execution from its pages. */
import {
  PageError,
  readPage,
  type EncodedLine,
  type NumberedPage,
  type OutputType,
  type WantedLines,
} from '../../protocol/page.js';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { readLogPages, type LogExecution } from '../../prisma/queries/read-log.js';
import { ApiError } from '../problem.js';
import { toEntryId } from './entry-id.js';

/** An entry as the API sends it: its line is passed on as it is in its page, and never parsed. */
export interface EncodedEntry {
  seq: number;
  /** A `LogEntry`. */
  json: string;
}

export interface EntryRange {
  fromSeq: number;
  toSeq: number;
  direction: 'forward' | 'backward';
  outputType?: OutputType | undefined;
}

export interface EntryBatch {
  /** In the direction's order. */
  entries: EncodedEntry[];
  /** The range has been read up to this line, inclusive. */
  readTo: number;
}

/** The lines to read are not there: they were replaced by those of another epoch, or are damaged. */
export class LogReplacedError extends Error {
  override readonly name = 'LogReplacedError';
  constructor(
    readonly executionId: string,
    readonly firstSeq: number,
    readonly lastSeq: number,
  ) {
    super(`lines ${firstSeq} to ${lastSeq} of execution ${executionId} are not there`);
  }
}

/**
 * Reads the next entries of a range, from one or more pages, up to about 1 MiB.
 * @throws ApiError log_damaged
 * @throws LogReplacedError if the hive's copy was replaced since the execution was looked up
 */
export async function readEntries(
  scope: OrganizationScope,
  execution: LogExecution,
  { fromSeq, toSeq, direction, outputType }: EntryRange,
): Promise<EntryBatch> {
  const { id: executionId, storedEpoch: epoch } = execution;
  const batch = await readLogPages(scope, { executionId, epoch, fromSeq, toSeq, direction, outputType });
  if (!batch) throw new LogReplacedError(executionId, fromSeq, toSeq);
  const entries: EncodedEntry[] = [];
  for (const page of batch.pages) {
    const lines = await readStored(executionId, page, { fromSeq, toSeq, outputType });
    if (direction === 'backward') lines.reverse();
    for (const line of lines) entries.push(toEntry(execution, line));
  }
  const lastPage = batch.pages.at(-1);
  const readTo = lastPage ? (direction === 'forward' ? lastPage.lastSeq : lastPage.firstSeq) : batch.scannedTo;
  return { entries, readTo: direction === 'forward' ? Math.min(readTo, toSeq) : Math.max(readTo, fromSeq) };
}

async function readStored(executionId: string, page: NumberedPage, wanted: WantedLines): Promise<EncodedLine[]> {
  try {
    return await readPage(page, wanted);
  } catch (error) {
    if (error instanceof PageError) throw damaged(executionId, page.firstSeq, page.lastSeq);
    throw error;
  }
}

/** Puts the fields that follow from the line's place in front of the line's own. */
export function toEntry(
  { id: executionId, ordinal }: Pick<LogExecution, 'id' | 'ordinal'>,
  { seq, json }: EncodedLine,
): EncodedEntry {
  const id = toEntryId({ ordinal, seq });
  return { seq, json: `{"id":${id},"execution_id":"${executionId}","seq":${seq},${json.slice(1)}` };
}

export function damaged(executionId: string, firstSeq: number, lastSeq: number): ApiError {
  return new ApiError('log_damaged', `stored lines ${firstSeq} to ${lastSeq} of execution ${executionId} are damaged`, {
    members: { execution_id: executionId, first_seq: firstSeq, last_seq: lastSeq },
  });
}
