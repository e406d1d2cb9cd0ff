/** One search in all attempts: what it has found so far, and how it goes on. It outlives the page, for when one comes back. */
import { signal, type ReadonlySignal } from '@preact/signals';
import { CutOffError, untilAnswered, type Waiting } from '../hive/until-answered.js';
import { searchAll, type FoundAttempt, type SearchRest } from './search-answer.js';
import type { SearchQuery } from './search-query.js';

export interface SearchState {
  /** In the hive's order: the attempt that arrived last comes first. */
  found: readonly FoundAttempt[];
  /** `paused`: the hive's time or the answer's limit was up, or somebody stopped it; it can go on. */
  phase: 'searching' | 'paused' | 'complete' | 'failed';
  /** Of the last whole answer. */
  lookedThrough: SearchRest['looked_through'] | undefined;
  damaged: SearchRest['damaged'];
  /** Why it does not come on just now; it is asked again. */
  waiting: Waiting | undefined;
  error: Error | undefined;
}

export class AllSearch {
  readonly state: ReadonlySignal<SearchState>;
  readonly #state = signal<SearchState>({
    found: [],
    phase: 'paused',
    lookedThrough: undefined,
    damaged: [],
    waiting: undefined,
    error: undefined,
  });
  readonly #query: SearchQuery;
  readonly #seen = new Set<string>();
  /** Where the next answer begins; null at the beginning. */
  #cursor: string | null = null;
  #aborting: AbortController | undefined;

  constructor(query: SearchQuery) {
    this.#query = query;
    this.state = this.#state;
  }

  /** Begins, or goes on where the last whole answer ended. */
  goOn(): void {
    if (this.#aborting || this.#state.peek().phase === 'complete') return;
    void this.#take();
  }

  stop(): void {
    this.#aborting?.abort();
  }

  async #take(): Promise<void> {
    const aborting = new AbortController();
    this.#aborting = aborting;
    this.#set({ phase: 'searching', error: undefined });
    const { signal } = aborting;
    try {
      const waits = (waiting: Waiting): void => this.#set({ waiting });
      this.#end(await untilAnswered(() => this.#read(signal), { signal, waits }));
    } catch (error) {
      if (signal.aborted) this.#set({ phase: 'paused' });
      else this.#set({ phase: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
    }
    this.#set({ waiting: undefined });
    this.#aborting = undefined;
  }

  /** @returns what ends the answer */
  async #read(signal: AbortSignal): Promise<SearchRest> {
    for await (const event of searchAll(this.#query, this.#cursor, signal)) {
      if (this.#state.peek().waiting) this.#set({ waiting: undefined });
      if ('rest' in event) return event.rest;
      this.#add(event.found);
    }
    throw new CutOffError();
  }

  /** An answer that was cut off is asked for once more, from its beginning. */
  #add(found: FoundAttempt): void {
    const { id } = found.attempt;
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#set({ found: [...this.#state.peek().found, found] });
  }

  #end({ next_cursor: cursor, looked_through: lookedThrough, damaged }: SearchRest): void {
    this.#cursor = cursor;
    this.#set({
      phase: cursor === null ? 'complete' : 'paused',
      lookedThrough,
      damaged: [...this.#state.peek().damaged, ...damaged],
    });
  }

  #set(changed: Partial<SearchState>): void {
    this.#state.value = { ...this.#state.peek(), ...changed };
  }
}
