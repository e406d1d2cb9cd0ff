/** Joins partial lines to the text that was printed, while the lines of other streams stand between them. */
import type { LogLine } from './page-line.js';

/** Text that is kept until its line is whole; in UTF-16 units. */
const MAX_KEPT = 8 * 1024 * 1024;

interface Stream {
  execution: number | string;
  /** The beginning of a line that is not whole yet. */
  begun: string;
}

/**
 * Turns the entries of any number of executions into text, each line once and ended by a newline. A line that came in
 * parts stands where its last part came. The text kept is bounded: a line longer than that is let out as it comes, and
 * others wait behind it; if they, too, become too long, it is cut.
 */
export class LineJoiner {
  readonly #maxKept: number;
  readonly #streams = new Map<string, Stream>();
  /** The stream whose line has been let out in part. */
  #open: Stream | undefined;
  /** Whole lines that came since. */
  #waiting: string[] = [];
  #kept = 0;

  constructor(maxKept = MAX_KEPT) {
    this.#maxKept = maxKept;
  }

  /** Whether all that was added has been let out, so that a new joiner would go on in the same way. */
  get isIdle(): boolean {
    return this.#streams.size === 0 && !this.#open;
  }

  /** @returns the text that can be let out now; empty if the line has to be continued first */
  add(execution: number | string, { output_type: type, content, partial }: LogLine): string {
    if (partial !== true && this.#streams.size === 0) return `${content}\n`;
    const key = `${execution} ${type}`;
    const stream = this.#streams.get(key) ?? { execution, begun: '' };
    if (partial === true) this.#streams.set(key, stream);
    else this.#streams.delete(key);
    if (stream === this.#open) return partial === true ? content : `${content}\n${this.#close()}`;
    this.#kept += content.length;
    if (partial === true) {
      stream.begun += content;
      return this.#kept > this.#maxKept ? this.#makeRoom(stream) : '';
    }
    const line = `${stream.begun}${content}\n`;
    if (!this.#open) {
      this.#kept -= line.length - 1;
      return line;
    }
    this.#waiting.push(line);
    return this.#kept > this.#maxKept ? `\n${this.#close()}` : '';
  }

  /** @returns what is left of the lines of an execution that has ended, or of all */
  end(execution?: number | string): string {
    let text = '';
    for (const [key, stream] of this.#streams) {
      if (execution !== undefined && stream.execution !== execution) continue;
      this.#streams.delete(key);
      if (stream === this.#open) text += `\n${this.#close()}`;
      else if (this.#open) this.#waiting.push(`${stream.begun}\n`);
      else {
        this.#kept -= stream.begun.length;
        text += `${stream.begun}\n`;
      }
    }
    return text;
  }

  #makeRoom(stream: Stream): string {
    const before = this.#open ? `\n${this.#close()}` : '';
    const { begun } = stream;
    this.#kept -= begun.length;
    stream.begun = '';
    this.#open = stream;
    return before + begun;
  }

  /** Ends the wait behind a line that is over. */
  #close(): string {
    const text = this.#waiting.join('');
    this.#kept -= text.length - this.#waiting.length;
    this.#waiting = [];
    this.#open = undefined;
    return text;
  }
}
