/** Searches one part of a log, in a thread of its own (search-threads.ts). */
import { compileQuery } from '../search/compile-query.js';
import type { Matcher } from '../search/matcher.js';
import { searchPages, type FoundInPart, type SearchedPart } from '../search/search-pages.js';
import { QueryError, type SearchQuery } from '../search/search-query.js';
import { giveWay } from './low-priority.js';

export interface PartToSearch {
  query: SearchQuery;
  /** Only the query is checked if there is none. */
  part?: PartOfThread;
}

/** What the threads get is no Buffer any more. */
export type PartOfThread = Omit<SearchedPart, 'pages'> & {
  pages: { gzip: Uint8Array; firstSeq: number; lastSeq: number }[];
};

/** An error loses its class between threads. */
export type FoundInThread = { found?: FoundInPart } | { fault: string };

/** A search gives way to all else that the hive does, and still comes on if the machine is busy with other things. */
const NICENESS = 19;
giveWay(NICENESS);

/** The parts of a search follow each other, so that its query is compiled once. */
let compiled: { key: string; matcher: Matcher } | undefined;

export default function search({ query, part }: PartToSearch): FoundInThread {
  try {
    const matcher = matcherOf(query);
    if (!part) return {};
    const pages = part.pages.map((page) => ({
      ...page,
      gzip: Buffer.from(page.gzip.buffer, page.gzip.byteOffset, page.gzip.length),
    }));
    return { found: searchPages(matcher, { ...part, pages }) };
  } catch (error) {
    if (error instanceof QueryError) return { fault: error.message };
    throw error;
  }
}

function matcherOf(query: SearchQuery): Matcher {
  const key = JSON.stringify(query);
  if (compiled?.key !== key) compiled = { key, matcher: compileQuery(query) };
  return compiled.matcher;
}
