/** Masks secrets in an execution's output, before it is written to anything. */
import type { Literal } from './literals.js';
import { PatternMask, type FindRanges } from './pattern-mask.js';
import { ValueMask } from './value-mask.js';

/** How long what may be the beginning of a secret waits for the rest, if it need not: half of what kill -9 may lose. */
const IDLE_MS = 100;

type Stream = 'stdout' | 'stderr';

export interface OutputMaskOptions {
  literals: readonly Literal[];
  patterns: readonly FindRanges[];
  /** Whether private keys are masked. */
  keys: boolean;
}

/** One for each execution: stdout and stderr are streams of their own. */
export class OutputMask {
  /** Takes what was held back until the output paused. */
  onHeld: (stream: Stream, bytes: Buffer) => void = () => undefined;
  readonly #options: OutputMaskOptions;
  readonly #streams: Record<Stream, StreamMask>;
  #textCount = 0;

  constructor(options: OutputMaskOptions) {
    this.#options = options;
    const stream = (name: Stream) => new StreamMask(options, (bytes) => this.onHeld(name, bytes));
    this.#streams = { stdout: stream('stdout'), stderr: stream('stderr') };
  }

  /** Secrets masked so far, those in {@link text} included. */
  get count(): number {
    return this.#textCount + this.#streams.stdout.count + this.#streams.stderr.count;
  }

  /** @returns what can be recorded: shorter or longer than `chunk`, or empty; it may be a part of `chunk` itself */
  push(stream: Stream, chunk: Buffer): Buffer {
    return this.#streams[stream].push(chunk);
  }

  /** @returns what was held back of a stream that has ended */
  end(stream: Stream): Buffer {
    return this.#streams[stream].end();
  }

  /** Masks a text that is stored beside the lines: a command, a title. */
  text(text: string): string {
    const mask = new StreamMask(this.#options, () => undefined);
    const bytes = Buffer.from(text);
    const masked = Buffer.concat([mask.push(bytes), mask.end()]);
    this.#textCount += mask.count;
    return mask.count === 0 ? text : masked.toString();
  }
}

/** Values first: what stands in their place is no secret, and patterns see it as it will be recorded. */
class StreamMask {
  readonly #values: ValueMask;
  readonly #patterns: PatternMask | undefined;
  readonly #onHeld: (bytes: Buffer) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor({ literals, patterns, keys }: OutputMaskOptions, onHeld: (bytes: Buffer) => void) {
    this.#values = new ValueMask(literals);
    this.#patterns = patterns.length > 0 || keys ? new PatternMask(patterns, keys) : undefined;
    this.#onHeld = onHeld;
  }

  get count(): number {
    return this.#values.count + (this.#patterns?.count ?? 0);
  }

  push(chunk: Buffer): Buffer {
    const masked = this.#values.push(chunk);
    if (!this.#patterns) return masked;
    const released = this.#patterns.push(masked);
    if (this.#timer) this.#timer.refresh();
    else if (this.#patterns.isHolding) this.#timer = setTimeout(() => this.#idle(), IDLE_MS).unref();
    return released;
  }

  end(): Buffer {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rest = this.#values.end();
    return this.#patterns ? Buffer.concat([this.#patterns.push(rest), this.#patterns.end()]) : rest;
  }

  #idle(): void {
    this.#timer = undefined;
    const released = this.#patterns?.idle();
    if (released && released.length > 0) this.#onHeld(released);
  }
}
