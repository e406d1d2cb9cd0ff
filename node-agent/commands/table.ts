import { columnsOf, fit } from './terminal-text.js';

export interface Column {
  title: string;
  /** Left out in a narrow terminal: the column with the highest number first. */
  leaveOut?: number;
}

const GAP = '  ';
/** What must be left for the last column before another one is left out. */
const LAST_COLUMN = 20;

/**
 * @param rows cells that are safe for a terminal
 * @param width of the terminal; undefined for as wide as it gets
 * @returns the table's lines: the last column is cut where a line does not fit
 */
export function tableLines(columns: readonly Column[], rows: readonly string[][], width?: number): string[] {
  const all = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => columnsOf(row[index] ?? ''))));
  const last = columns.length - 1;
  let shown = columns.map((_, index) => index);
  const needed = () => shown.reduce((sum, index) => sum + (index === last ? LAST_COLUMN : (widths[index] ?? 0) + 2), 0);
  while (width !== undefined && needed() > width) {
    const [first] = shown
      .filter((index) => columns[index]?.leaveOut !== undefined)
      .sort((a, b) => (columns[b]?.leaveOut ?? 0) - (columns[a]?.leaveOut ?? 0));
    if (first === undefined) break;
    shown = shown.filter((index) => index !== first);
  }
  return all.map((row) => {
    const line = shown.map((index) => padded(row[index] ?? '', index === last ? 0 : (widths[index] ?? 0))).join(GAP);
    return width === undefined ? line.trimEnd() : fit(line.trimEnd(), width);
  });
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - columnsOf(cell)));
}
