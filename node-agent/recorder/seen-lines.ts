/** Finds the lines that a hook wants to see, without looking at each line. */
import type { LineHooks } from './line-hooks.js';
import type { LineRun } from './output-lines.js';

export class SeenLines {
  readonly #seen: LineHooks['seen'];
  /** The next piece belongs to a line that began with the prefix, or to one that did not. */
  #goesOn: boolean | undefined;

  constructor(seen: LineHooks['seen']) {
    this.#seen = seen;
  }

  /** @param run of stdout */
  push({ text, isPartial }: LineRun): void {
    const seen = this.#seen;
    if (!seen) return;
    const isFirstSeen = this.#goesOn ?? text.startsWith(seen.prefix);
    if (isFirstSeen || text.includes(`\n${seen.prefix}`)) {
      const lines = text.split('\n');
      for (const [index, line] of lines.entries()) {
        const isWanted = index === 0 ? isFirstSeen : line.startsWith(seen.prefix);
        if (isWanted) seen.line(Buffer.from(line, 'latin1').toString(), isPartial && index === lines.length - 1);
      }
    }
    this.#goesOn = isPartial ? this.#isLastSeen(text, isFirstSeen, seen.prefix) : undefined;
  }

  #isLastSeen(text: string, isFirstSeen: boolean, prefix: string): boolean {
    const newline = text.lastIndexOf('\n');
    return newline < 0 ? isFirstSeen : text.startsWith(prefix, newline + 1);
  }
}
