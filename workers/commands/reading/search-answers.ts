/** The answers of a search, as they come: the hive searches for some seconds at a time, and says where to go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchFrom, isPassing, type Hive } from './api.js';
import { linesOf } from './server-events.js';
import { Patience, RESTART_MS } from './patience.js';

/** How an answer ends: what it has looked through. */
export interface SearchEnd {
  next_cursor: string | null;
  looked_through: Record<string, number>;
  damaged: unknown[];
}

interface SearchOptions<T> {
  path: string;
  query: Record<string, string>;
  /** The most that one answer can have. */
  page: number;
  limit: number;
  /** Tells what was found apart, for one that comes twice because the hive was away. */
  idOf: (found: T) => string | number;
  /** Called with each answer's end. */
  onEnd: (end: SearchEnd) => void;
}

/** @returns what is found, until the limit is reached or nothing is left to look through; then whether that is so */
export async function* search<T extends object>(
  hive: Hive,
  options: SearchOptions<T>,
): AsyncGenerator<T, boolean, undefined> {
  const patience = new Patience(hive.address.url);
  let cursor: string | undefined;
  let found = 0;
  let told = new Set<string | number>();
  while (found < options.limit) {
    let end: SearchEnd | undefined;
    try {
      for await (const item of ask<T>(hive, options, cursor, options.limit - found)) {
        patience.reward();
        if ('looked_through' in item) end = item;
        else if (!told.has(options.idOf(item))) {
          told.add(options.idOf(item));
          found++;
          yield item;
        }
      }
    } catch (error) {
      if (!isPassing(error) || (cursor === undefined && found === 0) || patience.awayMs > RESTART_MS) throw error;
      await sleep(patience.punish());
    }
    if (!end) continue;
    options.onEnd(end);
    told = new Set();
    if (end.next_cursor === null) return true;
    cursor = end.next_cursor;
  }
  return false;
}

async function* ask<T extends object>(
  hive: Hive,
  { path, query, page }: SearchOptions<T>,
  cursor: string | undefined,
  left: number,
): AsyncGenerator<T | SearchEnd, void, undefined> {
  const asked = { ...query, limit: String(Math.min(page, left)), ...(cursor !== undefined && { cursor }) };
  const headers = { accept: 'application/x-ndjson' };
  const { body } = await fetchFrom(hive, `${path}?${new URLSearchParams(asked).toString()}`, { headers });
  if (body) for await (const line of linesOf(body)) yield JSON.parse(line) as T | SearchEnd;
}
