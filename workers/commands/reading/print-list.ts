import { visible } from '../../../protocol/terminal-line.js';
import { jsonLine } from './json-line.js';
import { printTable } from './print-table.js';
import type { Cell, Column } from './table.js';
import { endQuietlyWithReader, write } from './write.js';

export interface ListOf<R> {
  columns: readonly Column[];
  cells: (row: R) => Cell[];
  /** Said on standard error if there are no rows: what they are, and how to get one. */
  none: string;
}

/** Prints rows as a table that fits the terminal, or as one JSON object a line. */
export async function printList<R extends object>(
  rows: readonly R[],
  { columns, cells, none }: ListOf<R>,
  { json = false }: { json?: boolean },
): Promise<void> {
  endQuietlyWithReader();
  if (json) await write(rows.map(jsonLine).join(''));
  else if (rows.length === 0) process.stderr.write(`${none}\n`);
  else
    await printTable(
      columns,
      rows.map((row) => cells(row).map(harmless)),
    );
}

/** Whatever a hive answers. */
function harmless(cell: Cell): Cell {
  return typeof cell === 'string' ? visible(cell) : { ...cell, text: visible(cell.text) };
}
