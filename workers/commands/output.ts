import { printableLines } from '../../protocol/printable.js';

/** The option that each command has for {@link OutputOptions.json}. */
export const JSON_OPTION = ['--json', 'print JSON; of a list, one object a line'] as const;

export interface OutputOptions {
  json?: boolean;
}

export function print(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
}
