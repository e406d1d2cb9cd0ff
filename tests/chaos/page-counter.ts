/** Watches what a node sends over its WebSocket, and reports the log pages that pass. */
import { decodeLogPageFrame } from '../../protocol/binary-frame.js';

const BINARY = 2;
/** More than a page's header ever needs. */
const PREFIX_BYTES = 1024;

export interface PassingPage {
  firstSeq: number;
  lastSeq: number;
}

/** One connection, from its HTTP request on. A page is reported when its beginning passes. */
export class PageCounter {
  readonly #tell: (page: PassingPage) => void;
  #bytes = Buffer.alloc(0);
  /** How many bytes of the current frame are still to come and don't matter. */
  #skip = 0;
  #isUpgraded = false;

  constructor(tell: (page: PassingPage) => void) {
    this.#tell = tell;
  }

  push(chunk: Buffer): void {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(skipped)]);
    while (this.#skip === 0 && this.#takeNext());
  }

  /** @returns false if more bytes have to come first */
  #takeNext(): boolean {
    if (!this.#isUpgraded) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end === -1) return false;
      this.#isUpgraded = true;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    const frame = frameStart(this.#bytes);
    if (!frame) return false;
    const { opcode, mask, headerBytes, payloadBytes } = frame;
    const prefix = Math.min(payloadBytes, PREFIX_BYTES);
    if (this.#bytes.length < headerBytes + prefix) return false;
    if (opcode === BINARY) this.#tellPage(unmask(this.#bytes.subarray(headerBytes, headerBytes + prefix), mask));
    const frameBytes = headerBytes + payloadBytes;
    this.#skip = Math.max(0, frameBytes - this.#bytes.length);
    this.#bytes = this.#bytes.subarray(Math.min(frameBytes, this.#bytes.length));
    return true;
  }

  #tellPage(prefix: Buffer): void {
    const { header } = decodeLogPageFrame(prefix);
    this.#tell({ firstSeq: header.first_seq, lastSeq: header.last_seq });
  }
}

/**
 * Reads the header of a client's frame (RFC 6455, 5.2), which is always masked.
 * @returns undefined if the header is not whole yet
 */
function frameStart(bytes: Buffer) {
  if (bytes.length < 2) return undefined;
  const length = bytes.readUInt8(1) & 0x7f;
  const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
  const headerBytes = 2 + extended + 4;
  if (bytes.length < headerBytes) return undefined;
  const payloadBytes =
    extended === 2 ? bytes.readUInt16BE(2) : extended === 8 ? Number(bytes.readBigUInt64BE(2)) : length;
  return {
    opcode: bytes.readUInt8(0) & 0x0f,
    mask: bytes.subarray(headerBytes - 4, headerBytes),
    headerBytes,
    payloadBytes,
  };
}

function unmask(bytes: Buffer, mask: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, place) => byte ^ (mask[place % 4] ?? 0)));
}
