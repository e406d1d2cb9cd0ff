/**
 * Searches one part of a log, in a thread of its own (search-threads.ts), which reads the pages itself: in the main thread,
 * that alone would hold up the reads of others.
 */
import { workerData } from 'node:worker_threads';
import { compileQuery } from '../search/compile-query.js';
import type { Matcher } from '../search/matcher.js';
import { GivesWay, type ShortRequests } from '../search/right-of-way.js';
import { searchLines, type FoundInLines, type PartOfLog, type ReadPages } from '../search/search-lines.js';
import { QueryError, type SearchQuery } from '../search/search-query.js';
import { giveWay as lowerPriority } from './low-priority.js';

export interface SearchThreadData {
  /** Contains a password: never log it. */
  databaseUrl: string;
  shortRequests: ShortRequests;
}

export interface PartToSearch {
  query: SearchQuery;
  /** Only the query is checked if there is none. */
  part?: PartOfLog;
}

/** What is left of an error between threads: what it means (prisma/errors.ts) is in its code or its message. */
export interface FailedRead {
  message: string;
  code?: unknown;
  routine?: unknown;
}

/** An error loses its class between threads. */
export type FoundInThread = { found?: FoundInLines } | { fault: string } | { failedRead: FailedRead };

/** A search gives way to all else that the hive does, and still comes on if the machine is busy with other things. */
const NICENESS = 19;
lowerPriority(NICENESS);

const { databaseUrl, shortRequests } = workerData as SearchThreadData;
const way = new GivesWay(shortRequests);
const giveWay = () => way.wait();

/** The parts of a search follow each other, so that its query is compiled once. */
let compiled: { key: string; matcher: Matcher } | undefined;
let reader: Promise<ReadPages> | undefined;

export default async function search({ query, part }: PartToSearch): Promise<FoundInThread> {
  try {
    const matcher = matcherOf(query);
    return part ? { found: await searchLines(matcher, part, readPages, giveWay) } : {};
  } catch (error) {
    if (error instanceof QueryError) return { fault: error.message };
    if (!(error instanceof ReadError)) throw error;
    const { message, code, routine } = error.cause as FailedRead;
    return { failedRead: { message, code, routine } };
  }
}

function matcherOf(query: SearchQuery): Matcher {
  const key = JSON.stringify(query);
  if (compiled?.key !== key) compiled = { key, matcher: compileQuery(query) };
  return compiled.matcher;
}

class ReadError extends Error {}

const readPages: ReadPages = async (lines) => {
  try {
    const read = await (reader ??= openReader());
    return await read(lines);
  } catch (error) {
    throw new ReadError('a page could not be read', { cause: error });
  }
};

/** Loaded late, because a search's first part comes with its pages, and its matches must not wait for this. */
async function openReader(): Promise<ReadPages> {
  const [{ openStatements }, { pagesReader }] = await Promise.all([
    import('../prisma/open-pool.js'),
    import('../api/search/pages-reader.js'),
  ]);
  return pagesReader(openStatements(databaseUrl, 1));
}
