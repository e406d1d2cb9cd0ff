/** A search in the whole log, by the hive. What is found is kept as numbers, so that 100,000 matches are a few megabytes. */
import { signal } from '@preact/signals';
import type { operations } from '../../api/client/openapi.js';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { readNdjson } from '../hive/read-ndjson.js';
import { CutOffError, pause, untilAnswered, type Waiting } from '../hive/until-answered.js';
import type { ByteRange } from './byte-ranges.js';
import { filterOf, type LogOf } from './log-requests.js';

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
  /** Why it does not come on just now; it is asked again. */
  waiting: Waiting | undefined;
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
  waiting: undefined,
  isFull: false,
};

/** In one answer. */
const LIMIT = 1000;
const MAX_MATCHES = 250_000;
/** A log that grows is searched on as it grows. */
const GROWN_MS = 2000;

export class LogSearch {
  readonly state = signal(NOTHING);
  /** The matching lines' numbers, in their order. */
  readonly lines: number[] = [];
  readonly #ranges: (readonly ByteRange[])[] = [];
  readonly #log: LogOf;
  #aborting = new AbortController();

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
        await pause(GROWN_MS, signal);
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
    let from = near;
    const waits = (waiting: Waiting): void => {
      from = this.#forgetFrom(found) ?? from;
      this.#set({ waiting, linesLooked });
    };
    return untilAnswered(() => this.#ask(query, cursor, from, signal), { signal, waits });
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
    const asked: Asked = {
      ...filterOf(this.#log),
      q: text,
      limit: LIMIT,
      ...(isRegex && { regex: true }),
      ...(ignoresCase && { ignore_case: true }),
      ...(typeof cursor === 'string' && { cursor }),
    };
    const body = await ask(
      hive.GET('/v1/swarm/attempts/{id}/logs/search', {
        params: { path: { id: this.#log.attemptId }, query: asked },
        headers: { accept: 'application/x-ndjson' },
        parseAs: 'stream',
        signal,
      }),
    );
    this.#set({ waiting: undefined });
    let rest: Rest | undefined;
    const looked = this.state.peek().linesLooked;
    for await (const values of readNdjson<Schemas['LogMatch'] | Rest>(new Response(body))) {
      if (signal.aborted) break;
      for (const value of values) {
        if ('seq' in value) this.#found(value);
        else rest = value;
      }
      this.#shown(near);
    }
    if (!rest) throw new CutOffError();
    this.#set({ linesLooked: looked + rest.looked_through.lines, linesOf: rest.looked_through.of });
    return rest;
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
}

type Asked = operations['searchLog']['parameters']['query'];
type Rest = Pick<Schemas['AttemptSearchPage'], 'next_cursor' | 'has_more' | 'looked_through' | 'damaged'>;
