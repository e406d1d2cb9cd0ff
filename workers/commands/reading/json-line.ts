import { printable } from '../../../protocol/printable.js';

/** @returns the value as one line of JSON with its newline, which does nothing to a terminal if it reaches one */
export function jsonLine(value: object): string {
  const json = JSON.stringify(value);
  return `${process.stdout.isTTY ? printable(json) : json}\n`;
}
