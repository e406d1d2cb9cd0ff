/** Opens a group of pages and searches them. */
import {
  listPagesOfLines,
  readSearchedPages,
  type CandidateLog,
  type CandidatePage,
  type PageToOpen,
} from '../../prisma/queries/search/find-pages.js';
import type { NumberedPage } from '../../protocol/page.js';
import type { FoundInPart, MatchingLine } from '../../search/search-pages.js';
import { searchedPages } from '../metrics.js';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { SearchQuery } from '../../search/search-query.js';
import type { Searcher } from '../../search/searcher.js';
import { partMs, type SearchEnds } from './answer-bounds.js';
import type { CandidatePart } from './candidate-groups.js';

export interface SearchedCandidates extends Pick<FoundInPart, 'count' | 'damaged'> {
  log: Omit<CandidateLog, 'pages'>;
  /** Of the pages that were opened. */
  lines: number;
  /** The first ones. */
  matches: MatchingLine[];
  lookedTo: { seq: number; isEnd: boolean };
}

export interface GroupOptions extends Pick<SearchEnds, 'deadline' | 'signal'> {
  scope: OrganizationScope;
  searcher: Searcher;
  query: SearchQuery;
  /** How many lines of each attempt are shown. */
  first: number;
}

/** Matches of a part that are counted. */
const MAX_COUNT = 10_000;
const MAX_TRIES = 3;

/** @returns what is found of each part, in their order */
export async function searchGroup(options: GroupOptions, parts: CandidatePart[]): Promise<SearchedCandidates[]> {
  const wanted = parts.flatMap(({ log, pages }) =>
    pages.map((page) => ({ ...page, executionId: log.executionId, epoch: log.epoch })),
  );
  if (wanted.length === 0) return [];
  const read = await readSearchedPages(options.scope, wanted);
  const pageAt = new Map(read.map((page) => [`${page.executionId} ${page.firstSeq}`, page]));
  return Promise.all(
    parts.map((part) => searchPart(options, part, ({ firstSeq }) => pageAt.get(`${part.log.executionId} ${firstSeq}`))),
  );
}

async function searchPart(
  options: GroupOptions,
  { log, pages: wanted, fromSeq }: CandidatePart,
  pageOf: (page: CandidatePage) => NumberedPage | undefined,
): Promise<SearchedCandidates> {
  const pages = wanted.flatMap((page) => pageOf(page) ?? []);
  const found = [await searchLines(options, pages, fromSeq, wanted.at(-1)?.lastSeq ?? 0)];
  for (const gone of wanted.filter((page) => !pageOf(page))) {
    const first = Math.max(gone.firstSeq, fromSeq);
    const instead = await readInstead(options, log, first, gone.lastSeq);
    found.push(await searchLines(options, instead, first, gone.lastSeq));
  }
  const unfinished = found.find(({ isDone }) => !isDone);
  return {
    log,
    lines: wanted.reduce((sum, { firstSeq, lastSeq }) => sum + lastSeq - firstSeq + 1, 0),
    count: found.reduce((sum, { count }) => sum + count, 0),
    matches: found.flatMap(({ matches }) => matches).sort((a, b) => a.seq - b.seq),
    damaged: found.flatMap(({ damaged }) => damaged),
    lookedTo: unfinished
      ? { seq: unfinished.lookedTo ?? 0, isEnd: false }
      : { seq: wanted.at(-1)?.lastSeq ?? 0, isEnd: true },
  };
}

/** Reads the pages that have the lines now: compaction joins pages at any time. */
async function readInstead(
  { scope }: GroupOptions,
  { executionId }: Omit<CandidateLog, 'pages'>,
  firstSeq: number,
  lastSeq: number,
): Promise<NumberedPage[]> {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const pages: PageToOpen[] = await listPagesOfLines(scope, executionId, firstSeq, lastSeq);
    const read = await readSearchedPages(scope, pages);
    if (read.length === pages.length) return read;
  }
  return [];
}

function searchLines(options: GroupOptions, pages: NumberedPage[], fromSeq: number, toSeq: number) {
  const { searcher, query, first: limit, deadline, signal } = options;
  if (pages.length === 0) return nothing;
  searchedPages.inc(pages.length);
  const part = {
    ...{ pages, direction: 'forward' as const, fromSeq, toSeq, limit, countTo: MAX_COUNT, context: 0 },
    maxMs: partMs(deadline),
    maxCharacters: Infinity,
  };
  return searcher.search(query, part, signal);
}

const nothing: FoundInPart = { matches: [], count: 0, lookedTo: undefined, isDone: true, damaged: [] };
