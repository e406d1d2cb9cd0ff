/** The lines around a match that are in other pages than those that its part of the search had. */
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { LogExecution } from '../../prisma/queries/read-log.js';
import { readPagesOfLines } from '../../prisma/queries/search/pages-of-lines.js';
import { PageError, readPage, type EncodedLine } from '../../protocol/page.js';
import { shortened } from '../../search/lines-around.js';
import type { MatchingLine } from '../../search/search-pages.js';

/** Adds what is missing, as far as one batch of pages has it. */
export async function addLinesOutside(
  scope: OrganizationScope,
  execution: LogExecution,
  match: MatchingLine,
  context: number,
): Promise<void> {
  const wanted = {
    first: Math.max(1, match.seq - context),
    last: Math.min(execution.storedLines, match.seq + context),
  };
  const first = match.before[0]?.seq ?? match.seq;
  if (first > wanted.first) {
    const found = await readLines(scope, execution, wanted.first, first - 1, 'backward');
    match.before.unshift(...found.reverse());
  }
  const last = match.after.at(-1)?.seq ?? match.seq;
  if (last < wanted.last) match.after.push(...(await readLines(scope, execution, last + 1, wanted.last, 'forward')));
}

/** Unzipped. */
const MAX_RAW_BYTES = 1024 * 1024;

/** Ends at the first line that can't be read. @returns lines in the direction's order */
async function readLines(
  scope: OrganizationScope,
  { id: executionId }: LogExecution,
  fromSeq: number,
  toSeq: number,
  direction: 'forward' | 'backward',
): Promise<EncodedLine[]> {
  const ranges = [{ firstSeq: fromSeq, lastSeq: toSeq }];
  const read = await readPagesOfLines(scope, { executionId, ranges, direction, rawBytes: MAX_RAW_BYTES });
  const lines: EncodedLine[] = [];
  const step = direction === 'forward' ? 1 : -1;
  let next = direction === 'forward' ? fromSeq : toSeq;
  try {
    for (const { gzip, firstSeq, lastSeq } of read?.pages ?? []) {
      if (!gzip) return lines;
      const ofPage = await readPage({ gzip, firstSeq, lastSeq }, { fromSeq, toSeq });
      for (const { seq, json } of direction === 'forward' ? ofPage : ofPage.reverse()) {
        const line = seq === next ? shortened(json, seq) : undefined;
        if (line === undefined) return lines;
        lines.push({ seq, json: line });
        next += step;
      }
    }
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
  }
  return lines;
}
