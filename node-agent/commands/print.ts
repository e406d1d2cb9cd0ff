import { printable } from '../../protocol/printable.js';

const BLOCK_CHARACTERS = 64 * 1024;

/** Prints lines as fast as they are read. If the reader goes away (`| head`), printing ends without an error. */
export async function print(lines: Iterable<string>): Promise<void> {
  const ignore = () => undefined; // the write's own callback reports it
  process.stdout.on('error', ignore);
  try {
    let block = '';
    for (const line of lines) {
      block += `${line}\n`;
      if (block.length < BLOCK_CHARACTERS) continue;
      await write(block);
      block = '';
    }
    if (block !== '') await write(block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  } finally {
    process.stdout.off('error', ignore);
  }
}

function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** @returns the value as one line of JSON, which does nothing to a terminal if it reaches one */
export function jsonLine(value: object): string {
  const json = JSON.stringify(value);
  return process.stdout.isTTY ? printable(json) : json;
}
