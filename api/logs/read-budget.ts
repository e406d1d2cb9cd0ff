import type { EncodedEntry, EntryBatch } from './read-entries.js';

export interface BudgetOptions {
  /** The maximum number of entries. */
  limit: number;
  /** The maximum number of characters of JSON; the entry that exceeds it is still taken. @default 8 Mi */
  maxCharacters?: number;
}

/** JSON of the entries in one answer. */
export const MAX_CHARACTERS = 8 * 1024 * 1024;
/** If a filter skips most lines, a read must end before it has gone through the whole log. */
const MAX_BATCHES = 64;

/** What one read may cost. */
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

  /**
   * Moves a batch's entries into `target` until the budget is spent.
   * @returns the number of the last line up to which the batch was taken
   */
  take({ entries, readTo }: EntryBatch, target: EncodedEntry[]): number {
    this.#batches++;
    for (const entry of entries) {
      target.push(entry);
      this.entriesLeft--;
      this.#charactersLeft -= entry.json.length;
      if (this.spent) return entry.seq;
    }
    return readTo;
  }
}
