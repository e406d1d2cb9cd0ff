/** Lines of one execution, from its pages. */
import { type LogLine, type OutputType, PageError, readPage } from '../../../protocol/page.js';
import type { OrganizationScope } from '../../../prisma/organization-scope.js';
import { readLogPages, type LogExecution, type StoredPage } from '../../../prisma/queries/read-log.js';
import { ApiError } from '../problem.js';
import type { LogEntry } from '../schemas/log.js';

export interface NumberedLine extends LogLine {
  seq: number;
}

export interface LineRange {
  fromSeq: number;
  toSeq: number;
  direction: 'forward' | 'backward';
  outputType?: OutputType | undefined;
}

export interface LineBatch {
  /** In the direction's order. */
  lines: NumberedLine[];
  /** The range has been read up to this line, inclusive. */
  readTo: number;
}

/**
 * The next lines of a range: at least one page's, about 1 MiB at most. Undefined: the hive's copy was replaced by
 * another epoch's since the execution was looked up.
 * @throws ApiError log_damaged
 */
export async function readLines(
  scope: OrganizationScope,
  execution: LogExecution,
  { fromSeq, toSeq, direction, outputType }: LineRange,
): Promise<LineBatch | undefined> {
  const { id: executionId, stored_epoch: epoch } = execution;
  const batch = await readLogPages(scope, { executionId, epoch, fromSeq, toSeq, direction, outputType });
  if (!batch) return undefined;
  const lines: NumberedLine[] = [];
  for (const page of batch.pages) {
    const ofPage = await readNumbered(executionId, page);
    for (const line of direction === 'forward' ? ofPage : ofPage.reverse()) {
      const wanted = line.seq >= fromSeq && line.seq <= toSeq;
      if (wanted && (outputType === undefined || line.output_type === outputType)) lines.push(line);
    }
  }
  const lastPage = batch.pages.at(-1);
  const readTo = lastPage ? (direction === 'forward' ? lastPage.lastSeq : lastPage.firstSeq) : batch.scannedTo;
  return { lines, readTo: direction === 'forward' ? Math.min(readTo, toSeq) : Math.max(readTo, fromSeq) };
}

async function readNumbered(executionId: string, { data, firstSeq, lastSeq }: StoredPage): Promise<NumberedLine[]> {
  let lines: LogLine[];
  try {
    lines = await readPage(data);
  } catch (error) {
    if (error instanceof PageError) throw damaged(executionId, firstSeq, lastSeq);
    throw error;
  }
  if (lines.length !== lastSeq - firstSeq + 1) throw damaged(executionId, firstSeq, lastSeq);
  return lines.map((line, index) => ({ ...line, seq: firstSeq + index }));
}

export function toEntry(id: number, executionId: string, line: NumberedLine): LogEntry {
  const { seq, output_type, content, timestamp } = line;
  return { id, execution_id: executionId, seq, output_type, content, timestamp };
}

export function damaged(executionId: string, firstSeq: number, lastSeq: number): ApiError {
  return new ApiError('log_damaged', `stored lines ${firstSeq} to ${lastSeq} of execution ${executionId} are damaged`, {
    members: { execution_id: executionId, first_seq: firstSeq, last_seq: lastSeq },
  });
}
