/**
 * The lines that came last by the stream. While lines before them are read, the log goes on growing: these close the gap
 * between what was read and what comes next.
 */
import type { Line } from './line.js';
import type { LineStore } from './line-store.js';

/** Some seconds of a fast log: no read takes longer. */
const MAX_LINES = 4000;
const MAX_CHARACTERS = 4 * 1024 * 1024;

interface RecentLine {
  /** It is the first after this number. */
  after: number;
  line: Line;
}

export class RecentLines {
  #lines: RecentLine[] = [];
  #characters = 0;

  add(after: number, line: Line): void {
    this.#lines.push({ after, line });
    this.#characters += line.content.length;
    if (this.#lines.length <= MAX_LINES && this.#characters <= MAX_CHARACTERS) return;
    // half of them at once, so that it is seldom
    this.#lines = this.#lines.slice(Math.ceil(this.#lines.length / 2));
    this.#characters = this.#lines.reduce((sum, { line: { content } }) => sum + content.length, 0);
  }

  /** Adds those that now hang together with what is kept. */
  appendTo(store: LineStore): void {
    for (const { after, line } of this.#lines) store.append(after, line);
  }
}
