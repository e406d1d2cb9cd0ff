/**
 * The rows of a long list of which only some are known: those that were read, and those that are where somebody looks.
 * A page anywhere is read from the nearest cursor before it, and so the rows keep their places while newer attempts
 * arrive.
 */
import type { Schemas } from '../../api/client/client.js';

export type Attempt = Schemas['Attempt'];
export type Page = Pick<Schemas['AttemptPage'], 'attempts' | 'next_cursor' | 'has_more'>;

/** Where a page is read: so many rows after the last one that the cursor stands for. */
export interface Place {
  cursor: string | undefined;
  skip: number;
}

interface Anchor {
  /** The row after the last one that the cursor stands for. */
  index: number;
  cursor: string;
}

export class RowList {
  /** By place; undefined where none has been read, or was forgotten. */
  #ids: (string | undefined)[] = [];
  readonly #rows = new Map<string, Attempt>();
  readonly #deleted = new Set<string>();
  /** By place. */
  #anchors: Anchor[] = [];

  /** @param first the newest ones */
  constructor(first: Page) {
    this.place(0, first);
  }

  get length(): number {
    return this.#ids.length;
  }

  /** @param total how many there are in all, which is known later than the first rows; never fewer than have been read */
  resize(total: number): void {
    if (total > this.length) this.#ids.length = total;
    else {
      while (this.length > total && this.#ids.at(-1) === undefined) this.#ids.pop();
    }
  }

  at(index: number): Attempt | undefined {
    const id = this.#ids[index];
    return id === undefined ? undefined : this.#rows.get(id);
  }

  #isKnown(index: number): boolean {
    return this.at(index) !== undefined;
  }

  /** @returns -1 if it is not among the rows that are known */
  indexOf(id: string): number {
    return this.#ids.indexOf(id);
  }

  get(id: string): Attempt | undefined {
    return this.#rows.get(id);
  }

  isDeleted(id: string): boolean {
    return this.#deleted.has(id);
  }

  /** A known row keeps its place whatever changes. @returns whether it is known */
  update(attempt: Attempt): boolean {
    if (!this.#rows.has(attempt.id)) return false;
    this.#rows.set(attempt.id, attempt);
    return true;
  }

  /** The row stays where it is, so that nothing moves. @returns whether it is known */
  markDeleted(id: string): boolean {
    if (!this.#rows.has(id)) return false;
    this.#deleted.add(id);
    return true;
  }

  /** Takes in a page that was read for a place. */
  place(start: number, { attempts, next_cursor, has_more }: Page): void {
    const end = start + attempts.length;
    for (const [offset, attempt] of attempts.entries()) {
      this.#ids[start + offset] = attempt.id;
      this.#rows.set(attempt.id, attempt);
    }
    if (next_cursor !== null) this.#anchor({ index: end, cursor: next_cursor });
    if (!has_more) this.#ids.length = attempts.length === 0 ? Math.min(start, this.length) : end;
    else if (this.length <= end) this.#ids.length = end + 1;
  }

  #anchor(anchor: Anchor): void {
    this.#anchors = [...this.#anchors.filter(({ index }) => index !== anchor.index), anchor].sort(
      (one, other) => one.index - other.index,
    );
  }

  whereFrom(index: number): Place {
    const anchor = this.#anchors.findLast((one) => one.index <= index);
    return anchor ? { cursor: anchor.cursor, skip: index - anchor.index } : { cursor: undefined, skip: index };
  }

  /**
   * @param size how many rows a page has
   * @returns where to read a page that fills what is unknown from `first` to `last`; undefined if nothing is
   */
  missingFrom(first: number, last: number, size: number): number | undefined {
    const end = Math.min(last, this.length - 1);
    let from = Math.max(0, first);
    while (from <= end && this.#isKnown(from)) from++;
    if (from > end) return undefined;
    let to = end;
    while (this.#isKnown(to)) to--;
    // somebody who scrolls up needs the rows above these next, and those below are known
    const isAboveUnknown = from > 0 && !this.#isKnown(from - 1);
    return isAboveUnknown && this.#isKnown(to + 1) ? Math.max(0, to - size + 1) : from;
  }

  /**
   * Forgets rows that are far from a place, so that the page stays small for whoever scrolls through everything. The
   * first ones are kept: no cursor stands for their place.
   */
  forget(keep: { around: number; rows: number }): void {
    if (this.#rows.size <= 2 * keep.rows) return;
    const [first, last] = [keep.around - keep.rows / 2, keep.around + keep.rows / 2];
    const firstAnchor = this.#anchors[0]?.index ?? 0;
    for (const [index, id] of this.#ids.entries()) {
      if (id === undefined || index < firstAnchor || (index >= first && index <= last)) continue;
      this.#ids[index] = undefined;
      this.#rows.delete(id);
    }
  }
}
