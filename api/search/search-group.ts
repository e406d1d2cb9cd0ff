/** Searches a group of pages. */
import type { CandidateLog } from '../../prisma/queries/search/find-pages.js';
import type { PartOfLog } from '../../search/search-lines.js';
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

/** @returns what is found of each part, in their order */
export function searchGroup(options: GroupOptions, parts: CandidatePart[]): Promise<SearchedCandidates[]> {
  return Promise.all(parts.map((part) => searchPart(options, part)));
}

async function searchPart(
  { scope, searcher, query, first: limit, deadline, signal }: GroupOptions,
  { log, pages, fromSeq }: CandidatePart,
): Promise<SearchedCandidates> {
  const part: PartOfLog = {
    ...{ organizationId: scope.organizationId, executionId: log.executionId, direction: 'forward' },
    // as lines: their pages may have been joined since
    ranges: pages.map(({ firstSeq, lastSeq }) => ({ firstSeq: Math.max(firstSeq, fromSeq), lastSeq })),
    ...{ limit, countTo: MAX_COUNT, context: 0 },
    maxMs: partMs(deadline),
    maxCharacters: Infinity,
  };
  const { count, matches, damaged, lookedTo, isDone, pages: opened } = await searcher.search(query, part, signal);
  searchedPages.inc(opened);
  return {
    log,
    lines: pages.reduce((sum, { firstSeq, lastSeq }) => sum + lastSeq - firstSeq + 1, 0),
    ...{ count, matches, damaged },
    lookedTo: isDone ? { seq: pages.at(-1)?.lastSeq ?? 0, isEnd: true } : { seq: lookedTo ?? 0, isEnd: false },
  };
}
