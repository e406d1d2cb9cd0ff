/** Tables that fit a terminal. */
import { fit, widthOf } from './width.js';

export interface Column {
  title: string;
  /** Left out in a narrow terminal: the column with the highest number first. @default it always stays */
  leaveOut?: number;
  /** Cells are cut to this many columns of a terminal. @default they are not */
  max?: number;
  /** Numbers end below each other. @default false */
  isNumber?: boolean;
}

/** The text of a cell, safe for a terminal, and how a terminal may colour it. */
export type Cell = string | { text: string; paint: (text: string) => string };

const GAP = '  ';
/** What must be left for the last column before another one is left out. */
const LAST_COLUMN = 20;

/**
 * The last column takes what is left, and is cut where a line does not fit.
 * @param width of the terminal; undefined if it is none: then nothing is cut or coloured
 */
export function tableLines(columns: readonly Column[], rows: readonly Cell[][], width?: number): string[] {
  const all: Cell[][] = [columns.map(({ title }) => title), ...rows];
  const cut =
    width === undefined ? all : all.map((row) => row.map((cell, index) => cutCell(cell, columns[index]?.max)));
  const widths = columns.map((_, index) => Math.max(...cut.map((row) => widthOf(textOf(row[index])))));
  const shown = shownColumns(columns, widths, width);
  return cut.map((row) => line(row, { columns, shown, widths, width }));
}

function shownColumns(columns: readonly Column[], widths: readonly number[], width: number | undefined): number[] {
  const last = columns.length - 1;
  let shown = columns.map((_, index) => index);
  const needed = () =>
    shown.reduce(
      (sum, index) =>
        sum + (index === last ? Math.min(LAST_COLUMN, widths[index] ?? 0) : (widths[index] ?? 0) + GAP.length),
      0,
    );
  while (width !== undefined && needed() > width) {
    const [first] = shown
      .filter((index) => columns[index]?.leaveOut !== undefined)
      .sort((a, b) => (columns[b]?.leaveOut ?? 0) - (columns[a]?.leaveOut ?? 0));
    if (first === undefined) break;
    shown = shown.filter((index) => index !== first);
  }
  return shown;
}

interface Layout {
  columns: readonly Column[];
  shown: readonly number[];
  widths: readonly number[];
  width: number | undefined;
}

function line(row: readonly Cell[], { columns, shown, widths, width }: Layout): string {
  let left = width ?? Infinity;
  const pieces: string[] = [];
  for (const [place, index] of shown.entries()) {
    const cell = row[index] ?? '';
    const text = fit(textOf(cell), left);
    const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(text)));
    const painted = typeof cell === 'string' || width === undefined ? text : cell.paint(text);
    const isLast = place === shown.length - 1;
    pieces.push(columns[index]?.isNumber ? space + painted : isLast ? painted : painted + space);
    left = Math.max(0, left - (widths[index] ?? 0) - GAP.length);
  }
  return pieces.join(GAP).trimEnd();
}

function cutCell(cell: Cell, max: number | undefined): Cell {
  if (max === undefined) return cell;
  return typeof cell === 'string' ? fit(cell, max) : { ...cell, text: fit(cell.text, max) };
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === 'object' ? cell.text : (cell ?? '');
}
