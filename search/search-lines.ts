/** Searches lines of one execution's log, whose pages it reads some at a time. Runs in a thread. */
import type { Matcher } from './matcher.js';
import { searchPages, type FoundInPart, type Lines, type SearchedPart } from './search-pages.js';

/** Pages that have some lines of a log, or the first of them. */
export interface PagesRead {
  /** How many lines the log has. */
  storedLines: number;
  /** In the direction's order. Without gzip: no line of the page has to be searched. */
  pages: (Lines & { gzip: Uint8Array | null })[];
  /** Whether the lines have more pages than these. */
  more: boolean;
}

/** Lines of a log, and how much of what is found is returned. */
export interface PartOfLog extends Omit<SearchedPart, 'pages' | 'fromSeq' | 'toSeq'> {
  organizationId: string;
  executionId: string;
  /** In ascending order, apart from each other. What is between them may be searched too. */
  ranges: Lines[];
  /** What has been read of them already. */
  read?: PagesRead | undefined;
}

type LinesToRead = Pick<PartOfLog, 'organizationId' | 'executionId' | 'direction' | 'outputType' | 'ranges'>;

/** @returns undefined if the organisation has no such execution any more */
export type ReadPages = (lines: LinesToRead) => Promise<PagesRead | undefined>;

export interface FoundInLines extends FoundInPart {
  /** How many pages were searched. */
  pages: number;
}

/** @param giveWay called again and again: it may wait for others */
export async function searchLines(
  matcher: Matcher,
  part: PartOfLog,
  read: ReadPages,
  giveWay?: () => void,
): Promise<FoundInLines> {
  const search = new LinesSearch(matcher, part, giveWay);
  let pages = part.read ?? (await read(part));
  while (pages && search.go(pages)) pages = await read({ ...part, ranges: search.unread });
  if (!pages) search.found.isDone = true; // the log was deleted
  return search.found;
}

class LinesSearch {
  readonly found: FoundInLines = {
    ...{ matches: [], count: 0, lookedTo: undefined, isDone: false, damaged: [] },
    pages: 0,
  };
  unread: Lines[];
  readonly #matcher: Matcher;
  readonly #part: PartOfLog;
  readonly #giveWay: (() => void) | undefined;
  #end: number | undefined;
  #characters = 0;

  constructor(matcher: Matcher, part: PartOfLog, giveWay: (() => void) | undefined) {
    this.#matcher = matcher;
    this.#part = part;
    this.#giveWay = giveWay;
    this.unread = part.ranges;
  }

  /** @returns whether there is more to search */
  go({ storedLines, pages, more }: PagesRead): boolean {
    const { direction, limit, countTo = limit, maxCharacters } = this.#part;
    this.#end ??= performance.now() + this.#part.maxMs; // the first pages are searched however long they were waited for
    const wanted = reachedBy(more ? pages.at(-1) : undefined, this.unread, direction);
    const fromSeq = wanted[0]?.firstSeq ?? 1;
    const toSeq = Math.min(wanted.at(-1)?.lastSeq ?? 0, storedLines); // the log may have been replaced by a shorter one
    const part: SearchedPart = {
      ...this.#part,
      pages: pages.flatMap(({ gzip, ...lines }) => (gzip ? [{ ...lines, gzip: asBuffer(gzip) }] : [])),
      fromSeq,
      toSeq,
      limit: Math.max(0, limit - this.found.matches.length),
      countTo: countTo - this.found.count,
      maxCharacters: maxCharacters - this.#characters,
      maxMs: this.#end - performance.now(),
    };
    const found = searchPages(this.#matcher, part, this.#giveWay);
    this.#add(found, linesWithoutPage(wanted, pages, storedLines));
    this.found.pages += pages.filter(({ gzip }) => gzip).length;
    if (!found.isDone) return false;
    if (fromSeq <= toSeq) this.found.lookedTo = direction === 'forward' ? toSeq : fromSeq;
    this.unread = more ? after(wanted, this.unread, direction) : [];
    this.found.isDone = this.unread.length === 0;
    return !this.found.isDone && !this.#isOver();
  }

  #add({ matches, count, lookedTo, damaged }: FoundInPart, missing: Lines[]): void {
    const sign = this.#part.direction === 'forward' ? 1 : -1;
    this.found.count += count;
    this.found.matches.push(...matches);
    this.found.lookedTo = lookedTo ?? this.found.lookedTo;
    this.found.damaged.push(...[...damaged, ...missing].sort((a, b) => sign * (a.firstSeq - b.firstSeq)));
    for (const match of matches) {
      for (const { json } of [match, ...match.before, ...match.after]) this.#characters += json.length;
    }
  }

  #isOver(): boolean {
    const { limit, countTo = limit, maxCharacters } = this.#part;
    return (
      this.found.count >= countTo || this.#characters >= maxCharacters || performance.now() >= (this.#end ?? Infinity)
    );
  }
}

/** @returns the ranges as far as they are up to the last page that was read; all of them if that was the last one */
function reachedBy(last: Lines | undefined, ranges: Lines[], direction: PartOfLog['direction']): Lines[] {
  if (!last) return ranges;
  return direction === 'forward' ? cut(ranges, 1, last.lastSeq) : cut(ranges, last.firstSeq, Infinity);
}

/** @returns the ranges beyond those that were reached */
function after(reached: Lines[], ranges: Lines[], direction: PartOfLog['direction']): Lines[] {
  return direction === 'forward'
    ? cut(ranges, (reached.at(-1)?.lastSeq ?? 0) + 1, Infinity)
    : cut(ranges, 1, (reached[0]?.firstSeq ?? Infinity) - 1);
}

function cut(ranges: Lines[], first: number, last: number): Lines[] {
  return ranges
    .map(({ firstSeq, lastSeq }) => ({ firstSeq: Math.max(firstSeq, first), lastSeq: Math.min(lastSeq, last) }))
    .filter(({ firstSeq, lastSeq }) => firstSeq <= lastSeq);
}

/** @returns the lines that should be stored, and that no page has */
function linesWithoutPage(ranges: Lines[], pages: readonly Lines[], storedLines: number): Lines[] {
  const ascending = pages.toSorted((a, b) => a.firstSeq - b.firstSeq);
  return cut(ranges, 1, storedLines).flatMap(({ firstSeq, lastSeq }) => {
    const missing: Lines[] = [];
    let next = firstSeq;
    for (const page of ascending) {
      if (page.lastSeq < next || page.firstSeq > lastSeq) continue;
      if (page.firstSeq > next) missing.push({ firstSeq: next, lastSeq: page.firstSeq - 1 });
      next = page.lastSeq + 1;
    }
    return next <= lastSeq ? [...missing, { firstSeq: next, lastSeq }] : missing;
  });
}

/** What comes from another thread is no Buffer any more. */
function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
