/** Reads an execution's lines from the beginning to the end, makes a conversation of them, and goes on when more are stored. */
import { signal } from '@preact/signals';
import { HiveApiError } from '../../api/client/client.js';
import { readLines } from '../log/read-lines.js';
import { DamagedLinesError } from '../log/damaged-lines.js';
import type { Line } from '../log/line.js';
import type { Item } from './items.js';
import { Conversation } from './parse.js';

/** So few that parsing them takes less than a frame or two. */
const LINES_AT_ONCE = 1000;
/** Then it asks before it reads on: a conversation is kept whole, and a log can have millions of lines. */
const MOST_LINES = 100_000;
const MOST_CHARACTERS = 64 * 1024 * 1024;
const RETRY_MS = 2000;

type Read = typeof readLines;

export interface ReadingState {
  /** Counts what has changed. */
  version: number;
  /** The last line that was read. */
  readTo: number;
  isReading: boolean;
  /** There is more, which is read when somebody asks for it. */
  isFull: boolean;
  error: Error | undefined;
}

export class ReadConversation {
  readonly state = signal<ReadingState>({ version: 0, readTo: 0, isReading: true, isFull: false, error: undefined });
  readonly #conversation = new Conversation();
  readonly #of: { attemptId: string; executionId: string };
  readonly #read: Read;
  readonly #aborting = new AbortController();
  #storedLines = 0;
  #isReading = false;
  #linesLeft = MOST_LINES;
  #charactersLeft = MOST_CHARACTERS;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(attemptId: string, executionId: string, read: Read = readLines) {
    this.#of = { attemptId, executionId };
    this.#read = read;
  }

  /** Those that are whole, then lines whose ends have not come yet. */
  get items(): readonly Item[] {
    const unfinished = this.#conversation.unfinished();
    return unfinished.length === 0 ? this.#conversation.items : [...this.#conversation.items, ...unfinished];
  }

  get agent(): string | undefined {
    return this.#conversation.agent;
  }

  /** The hive has so many lines now. */
  told(storedLines: number): void {
    this.#storedLines = Math.max(this.#storedLines, storedLines);
    void this.#readOn();
  }

  /** Looks for lines that the page has not been told of: the feed is silent about those of an execution that runs. */
  look(): void {
    this.told(this.state.peek().readTo + 1);
  }

  /** Reads further although it is much already. */
  readMore(): void {
    this.#linesLeft = MOST_LINES;
    this.#charactersLeft = MOST_CHARACTERS;
    this.#change({ isFull: false });
    void this.#readOn();
  }

  close(): void {
    this.#aborting.abort();
    clearTimeout(this.#retry);
  }

  /** A call, because the answer can change while something is awaited. */
  #isClosed(): boolean {
    return this.#aborting.signal.aborted;
  }

  async #readOn(): Promise<void> {
    if (this.#isReading || this.state.peek().isFull || this.#isClosed()) return;
    clearTimeout(this.#retry);
    this.#isReading = true;
    try {
      while (this.state.peek().readTo < this.#storedLines && !this.state.peek().isFull) {
        // before it reads, not after: of a log that grows, nobody knows whether there is more
        if (this.#linesLeft <= 0 || this.#charactersLeft <= 0) this.#change({ isFull: true });
        else if (!(await this.#readSome(this.state.peek().readTo + 1))) break;
      }
      this.#change({ isReading: false, error: undefined });
    } catch (error) {
      if (this.#isClosed()) return;
      this.#change({ isReading: false, error: error instanceof Error ? error : new Error(String(error)) });
      if (!isFinal(error)) this.#retry = setTimeout(() => void this.#readOn(), RETRY_MS);
    } finally {
      this.#isReading = false;
    }
  }

  /** @returns whether there was anything */
  async #readSome(from: number): Promise<boolean> {
    const lines = await this.#linesFrom(from);
    const last = lines.at(-1);
    if (!last || this.#isClosed()) return false;
    this.#conversation.take(lines);
    this.#linesLeft -= lines.length;
    this.#charactersLeft -= lines.reduce((sum, { content }) => sum + content.length, 0);
    this.#change({ readTo: last.seq, isReading: true });
    return true;
  }

  /** @returns the next lines. Damaged ones are told in their place, as one line with the number of the last of them. */
  async #linesFrom(from: number): Promise<Line[]> {
    const { signal } = this.#aborting;
    try {
      return await this.#read(this.#of.attemptId, {
        executionId: this.#of.executionId,
        from,
        limit: LINES_AT_ONCE,
        signal,
      });
    } catch (error) {
      if (!(error instanceof DamagedLinesError) || error.last < from) throw error;
      return [{ seq: error.last, type: 'system', content: error.message, at: '', isPartial: false }];
    }
  }

  #change(change: Partial<ReadingState>): void {
    const before = this.state.peek();
    this.state.value = { ...before, ...change, version: before.version + 1 };
  }
}

/** Asking again does not help: the attempt is deleted, or the session over. */
const isFinal = (error: unknown): boolean => error instanceof HiveApiError && [401, 403, 404].includes(error.status);
