/** Cuts what is to be searched into parts: pages that are searched together. */
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { listLogExecutions, readLogPages, type LogExecution } from '../../prisma/queries/read-log.js';
import type { NumberedPage, OutputType } from '../../protocol/page.js';
import type { SearchWalk, UnsearchedLines } from './search-walk.js';

export interface LogPart extends UnsearchedLines {
  /** In the direction's order, without those that have no line of the type; undefined if they are not there. */
  pages: NumberedPage[] | undefined;
}

/** The first part is small, so that its matches are there at once. Unzipped. */
const FIRST_RAW_BYTES = 64 * 1024;
const MAX_RAW_BYTES = 2 * 1024 * 1024;
const GROWTH = 4;

export async function* logParts(
  scope: OrganizationScope,
  attemptId: string,
  { unsearched, direction }: SearchWalk,
  outputType: OutputType | undefined,
): AsyncGenerator<LogPart> {
  const forward = direction === 'forward';
  let rawBytes = FIRST_RAW_BYTES;
  for (let { execution, fromSeq, toSeq } of unsearched) {
    while (fromSeq <= toSeq) {
      const { id: executionId, storedEpoch: epoch } = execution;
      const batch = await readLogPages(scope, { executionId, epoch, fromSeq, toSeq, direction, outputType, rawBytes });
      rawBytes = Math.min(rawBytes * GROWTH, MAX_RAW_BYTES);
      if (!batch) {
        const replaced = await findReplaced(scope, attemptId, execution);
        if (!replaced) yield { execution, fromSeq, toSeq, pages: undefined };
        if (!replaced) break;
        execution = replaced;
        toSeq = Math.min(toSeq, replaced.storedLines);
        continue;
      }
      const last = batch.pages.at(-1);
      const readTo = last ? (forward ? last.lastSeq : last.firstSeq) : batch.scannedTo;
      const part = forward
        ? { fromSeq, toSeq: Math.min(readTo, toSeq) }
        : { fromSeq: Math.max(readTo, fromSeq), toSeq };
      yield { execution, ...part, pages: batch.pages };
      if (forward) fromSeq = part.toSeq + 1;
      else toSeq = part.fromSeq - 1;
    }
  }
}

/** @returns the execution as it is now, if its log was replaced by that of another epoch */
async function findReplaced(
  scope: OrganizationScope,
  attemptId: string,
  { id: executionId, ordinal, storedEpoch }: LogExecution,
): Promise<LogExecution | undefined> {
  const range = { afterOrdinal: ordinal - 1, ordinals: [], unfinished: false, limit: 1 };
  const [now] = await listLogExecutions(scope, attemptId, { executionId }, range);
  return now && now.storedEpoch !== storedEpoch ? now : undefined;
}
