/** What commands print: JSON for programs, a table for people. */
import { printable, printableLines } from '../../protocol/printable.js';

export interface OutputOptions {
  json?: boolean;
}

export function print(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
}

/** Prints the rows as one JSON array, or as a table with the field names on top. */
export function printRows(rows: Record<string, unknown>[], { json }: OutputOptions): void {
  if (json) {
    print(JSON.stringify(rows));
    return;
  }
  const [first] = rows;
  if (!first) {
    print('none');
    return;
  }
  const names = Object.keys(first);
  const cells = [names, ...rows.map((row) => names.map((name) => show(row[name])))];
  const widths = names.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  for (const line of cells)
    print(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (value instanceof Date) return value.toISOString();
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
