/** What commands print: JSON for programs, a table for people. */

export interface OutputOptions {
  json?: boolean;
}

/** What a terminal takes as a command, or what changes the order in which text is shown. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Nodes choose their names and those of their projects. @returns the text in one line, as a terminal may show it */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** @returns the text in its lines, each as {@link printable} makes it */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
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
