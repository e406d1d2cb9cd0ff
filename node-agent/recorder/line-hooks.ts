/** What else happens to the lines that an absorber makes. */
import type { Store } from '../store/open.js';
import { publishSummary, readExecutionSummary, setExecutionSummary, setMasked } from '../store/summaries.js';
import { EVENT_PREFIX, type ExecutionSummary } from '../summary/execution-summary.js';

export interface LineHooks {
  /** Sees lines of stdout as they are written. */
  seen?: {
    /** ASCII; only lines that begin with it. */
    prefix: string;
    /** A line that is too long, or that stood unfinished, comes in pieces: all but the last are partial. */
    line: (content: string, isPartial: boolean) => void;
  };
  /** How many values the recorder has masked so far. */
  masked?: (count: number) => void;
  /**
   * Stores what was learnt, in the transaction that stores the lines. Called again if that is rolled back.
   * @param isEnd whether no line follows
   */
  stored?: (store: Store, keys: { key: number; attemptKey: number }, isEnd: boolean) => void;
}

/** How often the hive is told what was learnt of a running execution. */
const PUBLISH_MS = 3000;
/** The longest event that is put together from its pieces. In UTF-16 units. */
const MAX_JOINED_LENGTH = 4 * 1024 * 1024;

export function lineHooks(): Required<LineHooks> {
  const learnt = new LearntFromLines();
  return {
    seen: { prefix: EVENT_PREFIX, line: (content, isPartial) => learnt.piece(content, isPartial) },
    masked: (count) => learnt.masked(count),
    stored: (store, keys, isEnd) => learnt.store(store, keys, isEnd),
  };
}

class LearntFromLines {
  /** Read from the store by the first transaction, because another process may have begun it. */
  #summary: ExecutionSummary | undefined;
  /** Lines seen until then. */
  #early: string[] = [];
  #joined = '';
  #masked: number | undefined;
  #publishedAt = -Infinity;

  piece(content: string, isPartial: boolean): void {
    const isTooLong = this.#joined.length + content.length > MAX_JOINED_LENGTH;
    this.#joined = isTooLong ? this.#joined : this.#joined + content; // cut off, it is no JSON
    if (isPartial) return;
    if (this.#summary) this.#summary.line(this.#joined);
    else this.#early.push(this.#joined);
    this.#joined = '';
  }

  masked(count: number): void {
    this.#masked = count;
  }

  store(store: Store, { key, attemptKey }: { key: number; attemptKey: number }, isEnd: boolean): void {
    if (this.#masked !== undefined) setMasked(store, key, this.#masked);
    if (!this.#summary && this.#early.length === 0 && !isEnd) return;
    const summary = (this.#summary ??= readExecutionSummary(store, key));
    for (const line of this.#early.splice(0)) summary.line(line);
    if (summary.value === undefined) return;
    setExecutionSummary(store, key, summary);
    if (!isEnd && performance.now() - this.#publishedAt < PUBLISH_MS) return;
    publishSummary(store, attemptKey);
    this.#publishedAt = performance.now();
  }
}
