/** Where in a log to begin: found from its end, so that the last lines of a long log cost what those of a short one do. */
import { bodyOf, type Hive, type Schemas } from './api.js';
import type { LogFilter, LogPages } from './log-pages.js';

export interface StartOptions {
  /** The number of lines, or undefined for all. */
  tail?: number;
  /** RFC 3339: by the lines' own time stamps. */
  since?: string;
}

/** @returns the id of the entry after which to begin; undefined for the log's beginning */
export async function findStart(
  hive: Hive,
  attemptId: string,
  pages: LogPages,
  { tail, since, ...filter }: StartOptions & LogFilter,
): Promise<number | undefined> {
  const starts = [
    tail === undefined ? undefined : await beforeTail(pages, tail),
    since === undefined ? undefined : await beforeTime(hive, attemptId, pages, Date.parse(since), filter),
  ].filter((start) => start !== undefined);
  return starts.length === 0 ? undefined : Math.max(...starts);
}

/** What came in parts is one line, and so is what has not been ended yet. */
async function beforeTail(pages: LogPages, tail: number): Promise<number | undefined> {
  let lines = 0;
  let isFirst = true;
  for await (const entries of pages.backward(tail + 1)) {
    for (const { id, partial } of entries) {
      if (!partial || isFirst) lines++;
      isFirst = false;
      if (lines > tail) return id;
    }
  }
  return undefined;
}

/** Executions are looked at in their order, because the first that has such a line decides. */
async function beforeTime(
  hive: Hive,
  attemptId: string,
  pages: LogPages,
  since: number,
  { execution_id: only }: LogFilter,
): Promise<number | undefined> {
  const { executions } = await readAttempt(hive, attemptId);
  const read = executions.filter(({ id }) => only === undefined || id === only);
  for (const [index, { id, completed_at: end }] of read.entries()) {
    if (end !== null && Date.parse(end) < since) continue;
    const found = await oldestSince(pages, id, since);
    if (typeof found === 'number') return found;
    if (found === 'all') return lastOf(pages, read.slice(0, index));
  }
  return lastId(pages); // nothing is that new: what comes from now on is
}

/** @returns the id of the entry before it, or whether the execution has only such lines, or none */
async function oldestSince(pages: LogPages, executionId: string, since: number): Promise<number | 'all' | 'none'> {
  let isFound = false;
  for await (const entries of pages.backward(100, executionId)) {
    for (const { id, timestamp } of entries) {
      if (Date.parse(timestamp) < since) return isFound ? id : 'none';
      isFound = true;
    }
  }
  return isFound ? 'all' : 'none';
}

/** @returns the id of the last entry of these executions; undefined if they have none */
async function lastOf(pages: LogPages, executions: { id: string }[]): Promise<number | undefined> {
  for (const { id } of [...executions].reverse()) {
    const last = await lastId(pages, id);
    if (last !== undefined) return last;
  }
  return undefined;
}

async function lastId(pages: LogPages, executionId?: string): Promise<number | undefined> {
  for await (const entries of pages.backward(1, executionId)) return entries[0]?.id;
  return undefined;
}

/** An attempt with its executions, and how complete the hive's copy is. */
export function readAttempt({ api }: Hive, id: string): Promise<Schemas['AttemptDetail']> {
  return bodyOf(api.GET('/v1/swarm/attempts/{id}', { params: { path: { id } } }));
}
