import { printableLines } from '../../protocol/printable.js';

export interface OutputOptions {
  json?: boolean;
}

export function print(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
}
