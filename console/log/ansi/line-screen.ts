/** One row of a terminal, on which a line is written, also over itself. What it may cost is bounded: a log is hostile. */
import { cellsOf } from './cell-width.js';
import type { Sequence } from './control-sequence.js';
import { PLAIN, type Style } from './style.js';

/** A piece of a line's content in one style. */
export interface Run {
  /** From (inclusive) and to (exclusive) in the content, in UTF-16 units. A gap that the cursor jumped over has none: from = to. */
  from: number;
  to: number;
  /** How many blanks a gap is wide. */
  blanks: number;
  style: Style;
}

/** What stands in a column. The second column of a wide character has nothing of its own. */
interface Cell {
  from: number;
  to: number;
  style: Style;
}

/** No column is beyond: it could not be paid for. */
const MAX_COLUMNS = 1_000_000;

export class LineScreen {
  /** Without holes: a browser is slow with those. */
  #cells: (Cell | undefined)[] = [];
  #column = 0;
  #left: number;

  /** @param budget how many cells may be written, erased and moved */
  constructor(budget: number) {
    this.#left = budget;
  }

  /** The budget did not suffice; what stands here is of no use. */
  get isSpent(): boolean {
    return this.#left < 0;
  }

  write(content: string, from: number, to: number, style: Style): void {
    for (const { at, length, columns } of cellsOf(content, from, to, this.#column)) {
      if (!this.#spend(1 + columns)) return;
      const last = this.#cells[this.#column - 1];
      if (columns === 0) {
        if (last?.to === at) last.to = at + length; // a mark belongs to the character before it
        continue;
      }
      if (!this.#fill()) return;
      this.#cells[this.#column++] = { from: at, to: at + length, style };
      for (let column = 1; column < columns; column++) {
        this.#cells[this.#column++] = { from: at + length, to: at + length, style };
      }
    }
  }

  move({ does, parameters }: Sequence): void {
    const count = Math.min(Math.max(parseInt(parameters, 10) || 0, 0), MAX_COLUMNS);
    const by = Math.max(count, 1);
    if (does === '\r') this.#column = 0;
    else if (does === '\b') this.#column = Math.max(0, this.#column - 1);
    else if (does === 'C') this.#column = Math.min(MAX_COLUMNS, this.#column + by);
    else if (does === 'D') this.#column = Math.max(0, this.#column - by);
    else if (does === 'G') this.#column = by - 1;
    else if (does === 'K') this.#erase(count);
    else if (does === 'P') this.#delete(by);
    else if (does === 'X') this.#blank(this.#column, Math.min(this.#column + by, this.#cells.length));
  }

  runs(): Run[] {
    const runs: Run[] = [];
    for (const cell of this.#cells) {
      const last = runs.at(-1);
      if (!cell) {
        if (last && last.blanks > 0) last.blanks++;
        else runs.push({ from: 0, to: 0, blanks: 1, style: PLAIN });
      } else if (last?.to === cell.from && last.style === cell.style && last.blanks === 0) last.to = cell.to;
      else if (cell.to > cell.from) runs.push({ from: cell.from, to: cell.to, blanks: 0, style: cell.style });
    }
    return runs;
  }

  #spend(cells: number): boolean {
    this.#left -= cells;
    return !this.isSpent;
  }

  /** Makes the cells that the cursor jumped over. */
  #fill(): boolean {
    if (!this.#spend(Math.max(0, this.#column - this.#cells.length))) return false;
    while (this.#cells.length < this.#column) this.#cells.push(undefined);
    return true;
  }

  /** 0: from the cursor to the end; 1: from the beginning to the cursor; 2: the whole line. The cursor stays. */
  #erase(how: number): void {
    if (how === 2) this.#cells = [];
    else if (how === 1) this.#blank(0, Math.min(this.#column + 1, this.#cells.length));
    else this.#cells.length = Math.min(this.#cells.length, this.#column);
  }

  #blank(from: number, to: number): void {
    if (!this.#spend(Math.max(0, to - from))) return;
    for (let column = from; column < to; column++) this.#cells[column] = undefined;
  }

  #delete(count: number): void {
    if (!this.#spend(Math.max(0, this.#cells.length - this.#column))) return;
    this.#cells.splice(this.#column, count);
  }
}
