/**
 * Reads an execution's lines by their numbers, so that any of a million is one request away: an entry's id is a cursor, and
 * ids of an execution differ as their lines' numbers do. The first answer tells how much larger the ids are.
 */
import { toLine, type Line } from './line.js';
import type { LogOf, LogPage, PageQuery } from './log-requests.js';

/** In one request: one or two of the pages that the hive stores. */
export const PAGE_LINES = 1000;

/** The numbers from..to are covered: every line of them that the filter lets through is among the lines. */
export interface ReadLines {
  from: number;
  /** Infinity: there was nothing more. Less than `from`: nothing is covered. */
  to: number;
  lines: Line[];
  /** How many lines are stored that the filter lets through. */
  total: number;
}

/** Where a stream of what comes next begins; null if nothing more will come. */
export type LiveCursor = string | null;

export type ReadPage = (log: LogOf, page: PageQuery, signal: AbortSignal) => Promise<LogPage>;

export class LineReader {
  readonly #log: LogOf;
  readonly #read: ReadPage;
  /** The id that a line 0 would have. */
  #base: number | undefined;

  constructor(log: LogOf, read: ReadPage) {
    this.#log = log;
    this.#read = read;
  }

  /** Reads the last lines. */
  async end(limit: number, signal: AbortSignal): Promise<ReadLines> {
    const { entries, total } = await this.#some({ direction: 'backward', limit }, signal);
    const lines = entries.map(toLine).reverse();
    return { from: lines[0]?.seq ?? 1, to: Infinity, lines, total };
  }

  /** Reads forward from a line. */
  async forward(from: number, limit: number, signal: AbortSignal): Promise<ReadLines> {
    const cursor = await this.#cursor(from - 1, signal);
    if (cursor === undefined) return { from, to: from - 1, lines: [], total: 0 };
    const { entries, total, hasMore } = await this.#some({ cursor, direction: 'forward', limit }, signal);
    const lines = entries.map(toLine);
    return { from, to: hasMore ? (lines.at(-1)?.seq ?? from - 1) : Infinity, lines, total };
  }

  /** Reads the lines before a line, the nearest if not all. */
  async backward(before: number, limit: number, signal: AbortSignal): Promise<ReadLines> {
    const cursor = await this.#cursor(before, signal);
    if (cursor === undefined) return { from: before, to: before - 1, lines: [], total: 0 };
    const { entries, total, hasMore } = await this.#some({ cursor, direction: 'backward', limit }, signal);
    const lines = entries.map(toLine).reverse();
    return { from: hasMore ? (lines[0]?.seq ?? before) : 1, to: before - 1, lines, total };
  }

  /** Reads what came after a line (0: from the beginning), and where a stream goes on from there. */
  async live(after: number, signal: AbortSignal): Promise<ReadLines & { cursor: LiveCursor; hasMore: boolean }> {
    const cursor = after > 0 ? await this.#cursor(after, signal) : undefined;
    const page = await this.#page({ cursor, direction: 'forward', limit: PAGE_LINES }, signal);
    const lines = page.entries.map(toLine);
    const to = lines.at(-1)?.seq ?? after;
    return { from: after + 1, to, lines, total: page.total_count, cursor: page.next_cursor, hasMore: page.has_more };
  }

  /** An answer may have no entries and still not be the end: the hive bounds what one request may cost. */
  async #some(query: PageQuery, signal: AbortSignal) {
    for (let { cursor } = query; ;) {
      const page = await this.#page({ ...query, cursor }, signal);
      const { entries, has_more: hasMore, next_cursor: next, total_count: total } = page;
      if (entries.length > 0 || !hasMore || next === null) return { entries, total, hasMore };
      cursor = next;
    }
  }

  async #page(query: PageQuery, signal: AbortSignal): Promise<LogPage> {
    const { cursor, direction, limit } = query;
    const page = await this.#read(this.#log, { direction, limit, ...(cursor !== undefined && { cursor }) }, signal);
    const [entry] = page.entries;
    if (entry) this.#base ??= entry.id - entry.seq;
    return page;
  }

  async #cursor(seq: number, signal: AbortSignal): Promise<string | undefined> {
    if (this.#base === undefined) await this.#page({ direction: 'forward', limit: 1 }, signal);
    return this.#base === undefined ? undefined : String(this.#base + seq);
  }
}
