/**
 * Cuts the entries out of a logs_batch while it arrives, without holding more of it than one entry. The parsers at hand
 * neither limit an entry's size nor keep up (docs/protocol-v1.md), and all that has to be recognised of the JSON is where
 * an object ends.
 */
import { isUtf8 } from 'node:buffer';
import { pushPiece } from './push-piece.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACES = new Set(Buffer.from(' \t\r\n'));
/** The end of the message after its entries: `],"compressed":false}}`. */
const MAX_TAIL_BYTES = 4096;

/** An entry has three. Parsing millions of them would block the process for seconds, and take twenty times their bytes. */
const MAX_ENTRY_VALUES = 10_000;

/** The message is not JSON, or not of a batch's shape. What came before is sound. */
export class BadBatchError extends Error {
  override readonly name = 'BadBatchError';
}

/** The entries can't be held. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

export class EntryScanner {
  readonly #maxEntryBytes: number;
  #state: 'first' | 'next' | 'entry' | 'after' | 'tail' = 'first';
  /** What has come of the entry, or of the tail, in earlier pieces. */
  #parts: Buffer[] = [];
  #bytes = 0;
  #depth = 0;
  /** How many values the entry has so far. */
  #values = 0;
  #isString = false;
  #isEscaped = false;

  constructor(maxEntryBytes: number) {
    this.#maxEntryBytes = maxEntryBytes;
  }

  /** How much is held of an entry that is still incomplete. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /**
   * Reads the message's next bytes.
   * @returns the entries that they complete, each as JSON.parse returns it, and their size
   * @throws BadBatchError
   * @throws TooLargeError
   */
  read(piece: Buffer): { entries: unknown[]; bytes: number } {
    const entries: unknown[] = [];
    let bytes = 0;
    for (let at = 0; at < piece.length;) {
      if (this.#state === 'tail') {
        this.#parts.push(piece.subarray(at));
        this.#bytes += piece.length - at;
        if (this.#bytes > MAX_TAIL_BYTES) throw new BadBatchError('too much follows the entries');
        break;
      }
      if (this.#state !== 'entry' && !this.#isEntryStart(piece[at] ?? 0)) {
        at++;
        continue;
      }
      const end = this.#endOfEntry(piece, at);
      this.#keep(piece.subarray(at, end ?? piece.length));
      if (end === undefined) break;
      bytes += this.#bytes;
      entries.push(this.#parse(this.#takeParts()));
      this.#state = 'after';
      at = end;
    }
    return { entries, bytes };
  }

  /** The message is complete. @throws BadBatchError if its JSON is not */
  end(): void {
    if (this.#state !== 'tail') throw new BadBatchError('the batch ends among its entries');
    this.#parse(Buffer.concat([Buffer.from('{"data":{"entries":['), this.#takeParts()]));
  }

  /** Reads a byte between entries. @returns whether an entry starts with it */
  #isEntryStart(byte: number): boolean {
    if (SPACES.has(byte)) return false;
    if (this.#state === 'after' ? byte === COMMA : byte === OPEN_BRACE) {
      this.#state = this.#state === 'after' ? 'next' : 'entry';
      return this.#state === 'entry';
    }
    if (byte !== CLOSE_BRACKET || this.#state === 'next') throw new BadBatchError('an entry is not an object');
    this.#state = 'tail';
    this.#parts.push(Buffer.from(']'));
    return false;
  }

  /** @returns where the entry ends; undefined if that is in a later piece */
  #endOfEntry(piece: Buffer, start: number): number | undefined {
    let depth = this.#depth;
    let values = this.#values;
    let isString = this.#isString;
    let isEscaped = this.#isEscaped;
    for (let at = start; at < piece.length; at++) {
      const byte = piece[at] ?? 0;
      if (isString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isString = false;
      } else if (byte === QUOTE) isString = true;
      else if (byte === COMMA) values++;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
        values++;
      } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) {
        this.#checkValues(values);
        [this.#depth, this.#values, this.#isString, this.#isEscaped] = [0, 0, false, false];
        return at + 1;
      }
    }
    this.#checkValues(values);
    [this.#depth, this.#values, this.#isString, this.#isEscaped] = [depth, values, isString, isEscaped];
    return undefined;
  }

  #checkValues(values: number): void {
    if (values > MAX_ENTRY_VALUES) throw new BadBatchError(`an entry has more than ${MAX_ENTRY_VALUES} values`);
  }

  #keep(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#maxEntryBytes)
      throw new TooLargeError(`an entry has more than ${this.#maxEntryBytes} bytes`);
    pushPiece(this.#parts, bytes);
  }

  #takeParts(): Buffer {
    const [first, ...rest] = this.#parts;
    const bytes = first && rest.length === 0 ? first : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return bytes;
  }

  #parse(json: Buffer): unknown {
    if (!isUtf8(json)) throw new BadBatchError('the batch is not UTF-8');
    try {
      return JSON.parse(json.toString('utf8'));
    } catch {
      throw new BadBatchError('the batch is not JSON'); // the parser's message would quote its input
    }
  }
}
