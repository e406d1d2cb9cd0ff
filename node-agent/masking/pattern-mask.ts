/** Masks what looks like a secret in one stream of bytes, however it is split into chunks. */
import { PrivateKeys } from './private-keys.js';
import { joinRanges, replaceRanges, type Range } from './ranges.js';

/**
 * Finds secrets in a text. The text has a character for each byte of the output (latin1), so that offsets are those of
 * bytes and bytes that are not UTF-8 stay as they are.
 */
export type FindRanges = (text: string) => Range[];

/** Longer than any secret that stands within one line. In bytes. */
const LONGEST_BYTES = 16 * 1024;
/** What is held back of a line that does not end. In bytes. */
const MAX_HELD_BYTES = 64 * 1024;
/** A word that is longer is no secret that the patterns know. In bytes. */
const LONGEST_WORD_BYTES = 4 * 1024;

export class PatternMask {
  readonly #patterns: readonly FindRanges[];
  readonly #keys: PrivateKeys | undefined;
  #held: Buffer = Buffer.alloc(0);
  /** Secrets masked so far; of a private key each line. */
  count = 0;

  /** @param withKeys whether private keys are masked as well */
  constructor(patterns: readonly FindRanges[], withKeys: boolean) {
    this.#patterns = patterns;
    this.#keys = withKeys ? new PrivateKeys() : undefined;
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** @returns the whole lines; of a line that does not end, what is far enough from its present end */
  push(chunk: Buffer): Buffer {
    const data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    const lineStart = data.lastIndexOf(0x0a) + 1;
    if (data.length - lineStart <= MAX_HELD_BYTES) return this.#release(data, lineStart);
    return this.#release(data, Math.max(lineStart, data.length - LONGEST_BYTES));
  }

  /** For a pause in the output: @returns what can be shown of the last line, all but a word that may go on */
  idle(): Buffer {
    if (this.#keys && (this.#keys.isInKey || this.#held.includes('-----BEGIN'))) return Buffer.alloc(0);
    return this.#release(this.#held, lastWordStart(this.#held));
  }

  /** @returns what was held back */
  end(): Buffer {
    return this.#release(this.#held, this.#held.length);
  }

  /** @param cut what comes after it is held back; moved forward to the start of a secret that it would cut */
  #release(data: Buffer, cut: number): Buffer {
    if (cut === 0) {
      this.#held = Buffer.from(data);
      return Buffer.alloc(0);
    }
    const text = data.toString('latin1');
    const found = this.#patterns.flatMap((find) => find(text)).filter(({ start, end }) => end > start);
    const ranges = joinRanges([...found, ...(this.#keys?.find(text, cut) ?? [])]);
    const across = ranges.find(({ start, end }) => start < cut && end > cut);
    // a secret without an end is masked as far as it is known
    const through = across && cut - across.start < MAX_HELD_BYTES ? across.start : cut;
    this.#held = Buffer.from(data.subarray(through));
    const within = ranges.filter(({ start }) => start < through);
    this.count += within.length;
    return replaceRanges(data.subarray(0, through), within);
  }
}

/** @returns where the last word begins; the end if there is no letter or digit in it (dots, a bar, a prompt's sign) */
function lastWordStart(data: Buffer): number {
  let start = data.length;
  let isWord = false;
  while (start > 0 && data.length - start < LONGEST_WORD_BYTES && data.readUInt8(start - 1) > 0x20) {
    start--;
    isWord ||= /[A-Za-z0-9]/.test(String.fromCharCode(data.readUInt8(start)));
  }
  return isWord ? start : data.length;
}
