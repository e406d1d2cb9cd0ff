/** A search in the whole log, by the hive. What is found is kept as numbers, so that 100,000 matches are a few megabytes. */
import { signal } from '@preact/signals';
import { HiveApiError, type Schemas } from '../hive/client.js';
import { isAway } from '../ui/error-words.js';
import type { ByteRange } from './byte-ranges.js';
import { refused, searchAddress, type LogOf } from './log-requests.js';
import { readNdjson } from './read-ndjson.js';

export interface SearchQuery {
  text: string;
  isRegex: boolean;
  ignoresCase: boolean;
}

export interface SearchState {
  query: SearchQuery | undefined;
  count: number;
  /** Which of the matches is the current one; undefined before there is one. */
  current: number | undefined;
  isSearching: boolean;
  /** How far it has come. */
  linesLooked: number;
  linesOf: number;
  error: Error | undefined;
  /** No hive answers, or not to the end; it is asked again. */
  isAway: boolean;
  /** There are more matches than are kept. */
  isFull: boolean;
}

const NOTHING: SearchState = {
  query: undefined,
  count: 0,
  current: undefined,
  isSearching: false,
  linesLooked: 0,
  linesOf: 0,
  error: undefined,
  isAway: false,
  isFull: false,
};

/** In one answer. */
const LIMIT = 1000;
const MAX_MATCHES = 250_000;
/** The hive searches a few at a time for each session: 429 and 503 say when there is room. */
const BUSY_RETRY_MS = 1000;
/** A hive that restarts is back in seconds. */
const AWAY_RETRY_MS = 1000;
/** A log that grows is searched on as it grows. */
const GROWN_MS = 2000;

export class LogSearch {
  readonly state = signal(NOTHING);
  /** The matching lines' numbers, in their order. */
  readonly lines: number[] = [];
  readonly #ranges: (readonly ByteRange[])[] = [];
  readonly #log: LogOf;
  #aborting = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(log: LogOf) {
    this.#log = log;
  }

  /** @param near the line that is read now: the first match from there on becomes the current one */
  start(query: SearchQuery, near: number): void {
    this.stop();
    this.state.value = { ...NOTHING, query, isSearching: true };
    void this.#search(query, near, this.#aborting.signal);
  }

  stop(): void {
    this.#aborting.abort();
    clearTimeout(this.#timer);
    this.#aborting = new AbortController();
    this.lines.length = 0;
    this.#ranges.length = 0;
    this.state.value = NOTHING;
  }

  /** @returns where a line matches, in bytes; undefined if it does not */
  rangesOf(seq: number): readonly ByteRange[] | undefined {
    const index = this.#indexFrom(seq);
    return this.lines[index] === seq ? this.#ranges[index] : undefined;
  }

  /** @returns the number of the current match's line */
  get currentLine(): number | undefined {
    const { current } = this.state.value;
    return current === undefined ? undefined : this.lines[current];
  }

  /** Goes to the next match, or the one before; round at the ends. */
  step(by: 1 | -1): void {
    const { count, current } = this.state.peek();
    // without a current one, it is still looked for
    if (current !== undefined) this.#set({ current: (current + by + count) % count });
  }

  /** Goes to the first match from a line on. */
  goTo(seq: number): void {
    const { count } = this.state.peek();
    if (count > 0) this.#set({ current: Math.min(this.#indexFrom(seq), count - 1) });
  }

  async #search(query: SearchQuery, near: number, signal: AbortSignal): Promise<void> {
    try {
      let cursor: string | null | undefined;
      for (;;) {
        const rest = await this.#askUntilAnswered(query, cursor, near, signal);
        cursor = rest.next_cursor;
        const isFull = this.lines.length >= MAX_MATCHES;
        if (rest.has_more && cursor !== null && !isFull) continue;
        if (this.state.peek().current === undefined && this.lines.length > 0) this.#set({ current: 0 });
        this.#set({ isSearching: false, isFull });
        if (cursor === null || isFull) return;
        await this.#pause(GROWN_MS, signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#set({ isSearching: false, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }

  /** Where an answer breaks off, as when the hive restarts, it is asked for again: what it found so far will come again. */
  async #askUntilAnswered(
    query: SearchQuery,
    cursor: string | null | undefined,
    near: number,
    signal: AbortSignal,
  ): Promise<Rest> {
    const found = this.lines.length;
    const { linesLooked } = this.state.peek();
    for (let from = near; ;) {
      try {
        const rest = await this.#ask(query, cursor, from, signal);
        this.#set({ isAway: false });
        return rest;
      } catch (error) {
        if (signal.aborted || !isPassing(error)) throw error;
        from = this.#forgetFrom(found) ?? from;
        this.#set({ isAway: true, linesLooked });
        await this.#pause(AWAY_RETRY_MS, signal);
      }
    }
  }

  /** @returns the line of the current match, if it is forgotten too: it will be the current one again */
  #forgetFrom(index: number): number | undefined {
    const { current } = this.state.peek();
    const line = current !== undefined && current >= index ? this.lines[current] : undefined;
    this.lines.length = index;
    this.#ranges.length = index;
    this.#set({ count: index, ...(line !== undefined && { current: undefined }) });
    return line;
  }

  async #ask(
    { text, isRegex, ignoresCase }: SearchQuery,
    cursor: string | null | undefined,
    near: number,
    signal: AbortSignal,
  ): Promise<Rest> {
    const address = searchAddress(this.#log, {
      q: text,
      limit: String(LIMIT),
      ...(isRegex && { regex: 'true' }),
      ...(ignoresCase && { ignore_case: 'true' }),
      ...(typeof cursor === 'string' && { cursor }),
    });
    const response = await this.#answered(address, signal);
    let rest: Rest | undefined;
    const looked = this.state.peek().linesLooked;
    for await (const values of readNdjson<Schemas['LogMatch'] | Rest>(response)) {
      if (signal.aborted) break;
      for (const value of values) {
        if ('seq' in value) this.#found(value);
        else rest = value;
      }
      this.#shown(near);
    }
    if (!rest) throw new CutOffError('the answer was cut off');
    this.#set({ linesLooked: looked + rest.looked_through.lines, linesOf: rest.looked_through.of });
    return rest;
  }

  async #answered(address: string, signal: AbortSignal): Promise<Response> {
    for (;;) {
      // not by the typed client, which reads an answer as a whole
      const response = await fetch(address, {
        headers: { accept: 'application/x-ndjson' },
        credentials: 'same-origin',
        signal,
      });
      if (response.ok) return response;
      const problem = (await response.json().catch(() => undefined)) as Partial<Schemas['Problem']> | undefined;
      if (response.status !== 429 && response.status !== 503) throw refused(problem, response.status);
      const seconds = Number(response.headers.get('retry-after'));
      await this.#pause(Math.max(BUSY_RETRY_MS, seconds * 1000 || 0), signal);
    }
  }

  #found({ seq, ranges }: Schemas['LogMatch']): void {
    this.lines.push(seq);
    this.#ranges.push(ranges);
  }

  #shown(near: number): void {
    const { current } = this.state.peek();
    const first = current ?? this.#indexFrom(near);
    this.#set({ count: this.lines.length, ...(first < this.lines.length && { current: first }) });
  }

  #set(part: Partial<SearchState>): void {
    this.state.value = { ...this.state.peek(), ...part };
  }

  #indexFrom(seq: number): number {
    let [low, high] = [0, this.lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.lines[middle] ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new DOMException('the search is over', 'AbortError'));
      signal.addEventListener('abort', ended, { once: true });
      this.#timer = setTimeout(() => {
        signal.removeEventListener('abort', ended);
        resolve();
      }, ms);
    });
  }
}

class CutOffError extends Error {
  override readonly name = 'CutOffError';
}

/** @returns whether it is of a hive that restarts, or of a network that is away: half a line of JSON is a part of a cut-off answer */
const isPassing = (error: unknown): boolean =>
  error instanceof CutOffError ||
  error instanceof SyntaxError ||
  (error instanceof Error && isAway(error)) ||
  (error instanceof HiveApiError && (error.status === 502 || error.status === 504));

type Rest = Pick<Schemas['AttemptSearchPage'], 'next_cursor' | 'has_more' | 'looked_through' | 'damaged'>;
