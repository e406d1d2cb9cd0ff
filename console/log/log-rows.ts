/**
 * The log as rows, one after the other: lines, lines that are not known yet, and ranges that are not there. A row's key is
 * the number of its first line.
 */
import type { Schemas } from '../../api/client/client.js';
import type { Line } from './line.js';
import { firstAtOrAfter, type LineStore } from './line-store.js';

export type MissingLines = Schemas['MissingLines'];

/** Lines that are not there, and are shown as one block in their place. */
export interface Gap {
  from: number;
  /** Infinity if it is not known how many there are. */
  to: number;
  /** What the API says of lines that are not stored; undefined if they are stored, and damaged. */
  missing: MissingLines | undefined;
  /** Why, in words. */
  reason: string;
}

export type Row =
  | { kind: 'line'; key: number; to: number; line: Line }
  /** Without a filter it is one line; with one, nobody knows how many. */
  | { kind: 'unknown'; key: number; to: number }
  | { kind: 'gap'; key: number; to: number; gap: Gap };

export class LogRows {
  readonly store: LineStore;
  readonly isFiltered: boolean;
  /** The number of the last stored line. */
  last = 0;
  /** How many lines the filter lets through. */
  total = 0;
  #damaged: Gap[] = [];
  #missing: readonly MissingLines[] = [];

  constructor(store: LineStore, isFiltered: boolean) {
    this.store = store;
    this.isFiltered = isFiltered;
  }

  addDamaged(from: number, to: number, reason: string): void {
    if (this.#damaged.some((gap) => gap.from === from)) return;
    const gap: Gap = { from, to, missing: undefined, reason };
    this.#damaged = [...this.#damaged, gap].sort((a, b) => a.from - b.from);
    this.store.insert(from, to, []); // known: there are none
  }

  setMissing(missing: readonly MissingLines[]): void {
    this.#missing = missing;
  }

  /** What is missing follows the last stored line, because the hive stores an execution's lines in their order. */
  get missing(): Gap[] {
    return this.#missing.flatMap((missing) => {
      const from = Math.max(missing.first_seq, this.last + 1);
      const to = missing.last_seq ?? Infinity;
      return from > to ? [] : [{ from, to, missing, reason: missing.explanation }];
    });
  }

  /** @returns the row that the number is in, or the next one that is shown; undefined after the end */
  at(seq: number): Row | undefined {
    for (let next = Math.max(1, seq); next <= this.last;) {
      const damaged = this.#damagedAt(next);
      if (damaged) return gapRow(damaged);
      const segment = this.store.covering(next);
      if (!segment) return { kind: 'unknown', key: next, to: this.isFiltered ? this.#unknownUntil(next) : next };
      const line = segment.lines[firstAtOrAfter(segment.lines, next)];
      if (line) return lineRow(line);
      next = segment.to + 1;
    }
    const gap = this.missing.find(({ to }) => to >= seq);
    return gap && gapRow(gap);
  }

  after(row: Row): Row | undefined {
    return this.at(row.to + 1);
  }

  before(row: Row): Row | undefined {
    const earlier = this.missing.findLast(({ from }) => from < row.key);
    if (earlier) return gapRow(earlier);
    for (let next = Math.min(row.key - 1, this.last); next >= 1;) {
      const damaged = this.#damagedAt(next);
      if (damaged) return gapRow(damaged);
      const segment = this.store.covering(next);
      if (!segment) {
        const from = this.isFiltered ? (this.store.preceding(next)?.to ?? 0) + 1 : next;
        return { kind: 'unknown', key: from, to: next };
      }
      const line = segment.lines[firstAtOrAfter(segment.lines, next + 1) - 1];
      if (line) return lineRow(line);
      next = segment.from - 1;
    }
    return undefined;
  }

  get lastRow(): Row | undefined {
    const end: Row = { kind: 'unknown', key: Infinity, to: Infinity };
    return this.before(end);
  }

  /** The number of the last line, stored or known to be missing. */
  get end(): number {
    const to = this.lastRow?.to ?? 0;
    return to === Infinity ? this.last : Math.max(to, this.last);
  }

  /** How many rows there are; with a filter as many as the hive says, if they are all known or not. */
  get count(): number {
    const hidden = this.#damaged.reduce((sum, { from, to }) => sum + (to - from), 0);
    return (this.isFiltered ? this.total : this.last - hidden) + this.missing.length;
  }

  /** @returns how many rows are before a number. With a filter it is an estimate: nobody has counted them. */
  indexOf(seq: number): number {
    if (seq > this.last) return this.count - this.missing.filter(({ from }) => from >= seq).length;
    if (this.isFiltered) return this.last === 0 ? 0 : ((seq - 1) / this.last) * this.total;
    return this.#damaged.reduce((index, { from, to }) => index - Math.max(0, Math.min(seq, to) - from), seq - 1);
  }

  /** @returns the number at an index: the inverse of {@link indexOf} */
  seqAt(index: number): number {
    if (this.isFiltered) return Math.floor((index / Math.max(1, this.total)) * this.last) + 1;
    let seq = Math.floor(index) + 1;
    for (const { from, to } of this.#damaged) if (seq > from) seq += to - from;
    return seq;
  }

  #damagedAt(seq: number): Gap | undefined {
    return this.#damaged.find(({ from, to }) => seq >= from && seq <= to);
  }

  #unknownUntil(seq: number): number {
    return Math.min(this.last, (this.store.following(seq)?.from ?? Infinity) - 1);
  }
}

const lineRow = (line: Line): Row => ({ kind: 'line', key: line.seq, to: line.seq, line });

const gapRow = (gap: Gap): Row => ({ kind: 'gap', key: gap.from, to: gap.to, gap });
