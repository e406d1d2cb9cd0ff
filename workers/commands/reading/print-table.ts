import { tableLines, type Cell, type Column } from './table.js';
import { write } from './write.js';

/** @returns the terminal's columns; undefined if standard output is none */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns || 80 : undefined;
}

/** Prints a table that fits the terminal, or one that is as wide as it gets. */
export async function printTable(columns: readonly Column[], rows: readonly Cell[][]): Promise<void> {
  await write(`${tableLines(columns, rows, terminalWidth()).join('\n')}\n`);
}
