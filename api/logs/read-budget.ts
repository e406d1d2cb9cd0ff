import type { EncodedEntry } from './read-entries.js';

export interface BudgetOptions {
  /** Most entries. */
  limit: number;
  /** Most characters of JSON; the entry that goes beyond is still taken. @default 8 Mi */
  maxCharacters?: number;
}

const MAX_CHARACTERS = 8 * 1024 * 1024;
/** Where a filter passes most lines over, an answer must end before it has read the whole log. */
const MAX_BATCHES = 64;

/** What one answer may cost. */
export class ReadBudget {
  #charactersLeft: number;
  #batches = 0;
  entriesLeft: number;

  constructor({ limit, maxCharacters = MAX_CHARACTERS }: BudgetOptions) {
    this.entriesLeft = limit;
    this.#charactersLeft = maxCharacters;
  }

  get spent(): boolean {
    return this.entriesLeft <= 0 || this.#charactersLeft <= 0 || this.#batches >= MAX_BATCHES;
  }

  countBatch(): void {
    this.#batches++;
  }

  /** Counts an entry; false when it was the last one. */
  take({ json }: EncodedEntry): boolean {
    this.entriesLeft--;
    this.#charactersLeft -= json.length;
    return !this.spent;
  }
}
