/** Cuts what is to be searched into parts: lines that are searched together, by a thread that reads their pages. */
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import {
  listPagesOfLines,
  readPagesOfLines,
  type ListedPage,
  type PagesOfLines,
} from '../../prisma/queries/search/pages-of-lines.js';
import type { OutputType } from '../../protocol/page.js';
import type { Lines } from '../../search/search-pages.js';
import type { SearchWalk, UnsearchedLines } from './search-walk.js';

export interface LogPart extends UnsearchedLines {
  /** The pages, of the first part only. */
  read?: PagesOfLines | undefined;
}

/** The first part is small and is read here, so that its matches are there before a thread has a connection. Unzipped. */
const FIRST_RAW_BYTES = 64 * 1024;
const MAX_RAW_BYTES = 2 * 1024 * 1024;
const GROWTH = 4;
/** Those without a line of the type included. */
const MAX_PAGES = 256;
const LISTED_PAGES = 1024;

/** How large the next part is: they grow, up to a bound. */
class PartSize {
  rawBytes = FIRST_RAW_BYTES;

  grow(): void {
    this.rawBytes = Math.min(this.rawBytes * GROWTH, MAX_RAW_BYTES);
  }
}

export async function* logParts(
  scope: OrganizationScope,
  { unsearched, direction }: SearchWalk,
  outputType: OutputType | undefined,
): AsyncGenerator<LogPart> {
  const size = new PartSize();
  for (const [index, { execution, ...lines }] of unsearched.entries()) {
    const log = { executionId: execution.id, direction, outputType };
    let left: Lines = { firstSeq: lines.fromSeq, lastSeq: lines.toSeq };
    const takeTo = (end: Lines): LogPart => {
      const forward = direction === 'forward';
      const part = forward
        ? { fromSeq: left.firstSeq, toSeq: Math.min(end.lastSeq, left.lastSeq) }
        : { fromSeq: Math.max(end.firstSeq, left.firstSeq), toSeq: left.lastSeq };
      left = forward ? { ...left, firstSeq: part.toSeq + 1 } : { ...left, lastSeq: part.fromSeq - 1 };
      return { execution, ...part };
    };
    if (index === 0) {
      const read = await readPagesOfLines(scope, { ...log, ranges: [left], rawBytes: size.rawBytes });
      const end = read?.more ? read.pages.at(-1) : undefined;
      yield { ...takeTo(end ?? left), read };
      size.grow();
    }
    while (left.firstSeq <= left.lastSeq) {
      const pages = await listPagesOfLines(scope, { ...log, ...left, limit: LISTED_PAGES });
      for (const end of endsOfParts(pages, size)) yield takeTo(end);
      if (pages.length === LISTED_PAGES) continue;
      if (left.firstSeq <= left.lastSeq) yield takeTo(left);
    }
  }
}

/** @returns the pages at which a part ends; those after the last end fill none */
function* endsOfParts(pages: readonly ListedPage[], size: PartSize): Generator<Lines> {
  let rawBytes = 0;
  let count = 0;
  for (const page of pages) {
    rawBytes += page.rawBytes;
    count++;
    if (rawBytes < size.rawBytes && count < MAX_PAGES) continue;
    yield page;
    size.grow();
    rawBytes = 0;
    count = 0;
  }
}
