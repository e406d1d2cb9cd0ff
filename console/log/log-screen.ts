/**
 * Which rows are on the screen, and where: the row at the top edge, and how much of it is above. Everything else follows
 * from these two, so that lines that arrive or are measured never move what is read.
 */
import type { LogRows, Row } from './log-rows.js';

export interface Anchor {
  /** The number of the row at the top edge. */
  key: number;
  /** How much of it is above the edge; negative if it begins below. @format px */
  offset: number;
}

/**
 * Where a row goes: to the top edge; a third down from it; there only if it is not `seen` already; or just into view, from
 * `near`.
 */
export type Where = 'top' | 'third' | 'seen' | 'near';

export interface ScreenRows {
  rows: Row[];
  /** Where the first of them begins, from the top edge: usually above it. @format px */
  top: number;
}

/**
 * Rows drawn beyond each edge: the browser scrolls before the page hears of it. Those above are measured before they are
 * scrolled to.
 */
const OVERSCAN_ROWS = 24;
/** A block of lines that are not there, until it is measured. @format px */
const GAP_HEIGHT = 96;

export class LogScreen {
  readonly rows: LogRows;
  /** @format px */
  height = 0;
  /** Of a row that is not measured: one line of text. @format px */
  rowHeight = 20;
  anchor: Anchor = { key: 1, offset: 0 };
  /** Rows that are not one line high: wrapped, opened, or a block. */
  readonly #measured = new Map<number, number>();
  #measuredSum = 0;
  #isWrapped = false;

  constructor(rows: LogRows) {
    this.rows = rows;
  }

  /** Heights were of another width or font, or of rows that wrapped. */
  forget(isWrapped: boolean): void {
    this.#isWrapped = isWrapped;
    this.#measured.clear();
    this.#measuredSum = 0;
  }

  /** @returns whether it is another height than was thought */
  measured(key: number, height: number): boolean {
    const known = this.#measured.get(key);
    if ((known ?? this.rowHeight) === height && (known !== undefined || !this.#isWrapped)) return false;
    if (this.#measured.size >= MAX_MEASURED) this.forget(this.#isWrapped); // those that are shown come again at once
    this.#measured.set(key, height);
    this.#measuredSum += height - (known ?? 0);
    return height !== (known ?? this.rowHeight);
  }

  /** @returns where the first of these rows begins, from the top edge */
  topOf(rows: readonly Row[]): number {
    const above = rows.filter(({ key }) => key < this.anchor.key);
    const anchored = this.#anchorRow();
    const offset = anchored ? Math.min(this.anchor.offset, this.heightOf(anchored)) : 0;
    return above.reduce((top, row) => top - this.heightOf(row), -offset);
  }

  heightOf(row: Row): number {
    const measured = this.#measured.get(row.key);
    if (measured !== undefined) return measured;
    return row.kind === 'gap' ? GAP_HEIGHT : this.rowHeight;
  }

  /** What a row is high on average, for the length of the scroll bar. */
  get averageHeight(): number {
    if (!this.#isWrapped || this.#measured.size === 0) return this.rowHeight;
    return this.#measuredSum / this.#measured.size;
  }

  /** Moves by pixels; stops at the first row, and at the end. */
  moveBy(delta: number): void {
    this.anchor = this.#moved(this.#anchorRow(), this.anchor.offset + delta);
    if (this.rows.last > 0 && this.isAtEnd) this.anchor = this.end();
  }

  /** The window has another height. At the end, it stays there. */
  resize(height: number): void {
    if (height === this.height) return;
    const { isAtEnd } = this;
    this.height = height;
    if (isAtEnd) this.toEnd();
  }

  show(seq: number, where: Where): void {
    const isSought = where === 'near' || where === 'seen';
    if (isSought && this.#isInView(seq)) return;
    const isBelow = where === 'near' && seq > this.anchor.key;
    const row = this.rows.at(seq);
    const key = row?.key ?? seq;
    const share = where === 'top' ? 0 : where === 'near' ? Number(isBelow) : 1 / 3;
    const above = Math.max(0, (this.height - (row ? this.heightOf(row) : 0)) * share);
    this.anchor = { key, offset: -above };
  }

  toStart(): void {
    this.anchor = { key: this.rows.at(1)?.key ?? 1, offset: 0 };
  }

  toEnd(): void {
    this.anchor = this.end();
  }

  /** @returns where the screen is when the last row stands at its lower edge */
  end(): Anchor {
    const row = this.rows.lastRow;
    return row ? this.#moved(row, this.heightOf(row) - this.height) : { key: 1, offset: 0 };
  }

  get isAtEnd(): boolean {
    const end = this.end();
    const { key, offset } = this.#moved(this.#anchorRow(), this.anchor.offset);
    return key > end.key || (key === end.key && offset >= end.offset - 1);
  }

  /** @returns how far down the screen is, from 0 to 1, as the scroll bar shows it */
  get share(): number {
    const end = this.#place(this.end());
    return end <= 0 ? 0 : Math.min(1, Math.max(0, this.#place(this.anchor) / end));
  }

  toShare(share: number): void {
    const end = this.end();
    if (share >= 1) this.anchor = end;
    else {
      const place = share * this.#place(end);
      const row = this.rows.at(this.rows.seqAt(place));
      this.anchor = row ? { key: row.key, offset: (place % 1) * this.heightOf(row) } : end;
    }
  }

  /** @returns the rows to draw. No room is left above the first, nor below the last, once their heights are known. */
  layout(): ScreenRows {
    const layout = this.#layout();
    const { rows, top } = layout;
    const [first, last] = [rows[0], rows.at(-1)];
    if (!first || !last || !rows.every((row) => this.#isKnown(row))) return layout;
    const bottom = rows.reduce((y, row) => y + this.heightOf(row), top);
    if (bottom < this.height && !this.rows.after(last)) this.toEnd();
    else if (top > 0 && !this.rows.before(first)) this.toStart();
    else return layout;
    return this.#layout();
  }

  #layout(): ScreenRows {
    const anchored = this.#anchorRow();
    if (!anchored) return { rows: [], top: 0 };
    const rows = [anchored];
    let top = -Math.min(this.anchor.offset, this.heightOf(anchored));
    let bottom = top + this.heightOf(anchored);
    for (let over = 0, last: Row | undefined = anchored; over < OVERSCAN_ROWS;) {
      last = this.rows.after(last);
      if (!last) break;
      rows.push(last);
      if (bottom >= this.height) over++;
      bottom += this.heightOf(last);
    }
    const above: Row[] = [];
    for (let over = 0, first: Row | undefined = anchored; over < OVERSCAN_ROWS;) {
      first = this.rows.before(first);
      if (!first) break;
      above.push(first);
      if (top <= 0) over++;
      top -= this.heightOf(first);
    }
    return { rows: [...above.reverse(), ...rows], top };
  }

  /** Rows that wrap are as high as they turn out to be; what a filter lets through is as much as it turns out to be. */
  #isKnown(row: Row): boolean {
    if (row.kind === 'unknown' && this.rows.isFiltered) return false;
    return !this.#isWrapped || this.#measured.has(row.key);
  }

  #anchorRow(): Row | undefined {
    return this.rows.at(this.anchor.key) ?? this.rows.lastRow;
  }

  /** @returns the place so many pixels below the top of a row, or above it if they are negative */
  #moved(start: Row | undefined, offset: number): Anchor {
    if (!start) return { key: 1, offset: 0 };
    return offset < 0 ? this.#above(start, -offset) : this.#below(start, offset);
  }

  #above(start: Row, distance: number): Anchor {
    let row = start;
    let left = distance;
    while (left > 0) {
      const before = this.rows.before(row);
      // with a filter, nobody knows how much is above until it is read
      if (!before || (before.kind === 'unknown' && this.rows.isFiltered)) return { key: row.key, offset: 0 };
      row = before;
      left -= this.heightOf(row);
    }
    return { key: row.key, offset: -left };
  }

  #below(start: Row, distance: number): Anchor {
    let row = start;
    let left = distance;
    for (let height = this.heightOf(row); left >= height; height = this.heightOf(row)) {
      const after = this.rows.after(row);
      if (!after) break;
      left -= height;
      row = after;
    }
    return { key: row.key, offset: left };
  }

  #isInView(seq: number): boolean {
    const { rows, top } = this.#layout();
    let y = top;
    for (const row of rows) {
      const bottom = y + this.heightOf(row);
      if (seq >= row.key && seq <= row.to) return y >= 0 && bottom <= this.height;
      y = bottom;
    }
    return false;
  }

  #place({ key, offset }: Anchor): number {
    const row = this.rows.at(key);
    return this.rows.indexOf(key) + (row ? offset / this.heightOf(row) : 0);
  }
}

/** Some hundred screens. */
const MAX_MEASURED = 10_000;
