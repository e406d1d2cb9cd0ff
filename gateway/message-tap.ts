/**
 * Stands between a node's TCP connection and `ws`, which holds every message whole. Frames above a size go to a reader
 * of their own instead, piece by piece as they arrive. Everything else reaches `ws` unchanged, in order.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { readHeader, unmask, type FrameHeader } from './frame-header.js';

/** Reads the large messages of a node. */
export interface LargeMessageReader {
  /** A message begins whose frame has more than the tap's `minBytes`. What came before it has been handed to `ws`. */
  begin(bytes: number, isText: boolean): void;
  /** Its next bytes, unmasked. The reader may keep the buffer. If it pauses the socket, nothing follows until resumed. */
  piece(bytes: Buffer): void;
  end(): void;
  /**
   * A message in several frames grows above `minBytes`. `ws` gets it, and holds it whole. What came before the frame
   * that makes it large has been handed to `ws`.
   */
  fragmented(): void;
}

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;

/** A frame that is arriving. */
interface OpenFrame extends FrameHeader {
  left: number;
  isLarge: boolean;
}

export class MessageTap {
  readonly tcp: Socket;
  readonly #ws: WebSocket;
  /** How `ws` reads the connection. */
  readonly #readers: readonly ((chunk: Buffer) => void)[];
  #large: LargeMessageReader | undefined;
  #minBytes = Infinity;
  #frame: OpenFrame | undefined;
  /** The beginning of a frame's header that is still incomplete. */
  #header: Buffer = Buffer.alloc(0);
  /** How many bytes of `#header` have reached `ws`. */
  #passedHeader = 0;
  /** Bytes of the message in several frames that is arriving; undefined if none is. */
  #fragments: number | undefined;
  #isBroken = false;

  /** @param ws a socket that has just been opened on `tcp`, before anything has been read */
  constructor(ws: WebSocket, tcp: Socket) {
    this.#ws = ws;
    this.tcp = tcp;
    this.#readers = tcp.listeners('data') as ((chunk: Buffer) => void)[];
    tcp.on('data', this.#observe);
  }

  /** Leaves the connection to `ws`, at no further cost. */
  remove(): void {
    this.tcp.off('data', this.#observe);
  }

  /**
   * From now on, gives messages in one frame of more than `minBytes` to the reader. A frame whose header has begun to
   * arrive still goes to `ws`.
   */
  divert(large: LargeMessageReader, minBytes: number): void {
    this.remove();
    this.#large = large;
    this.#minBytes = minBytes;
    for (const reader of this.#readers) this.tcp.off('data', reader);
    this.tcp.on('data', this.#take);
    this.#ws.once('error', () => (this.#isBroken = true)); // ws reads nothing more, and closes
    // ws would read what is left in a closed connection's buffer, past this tap
    this.tcp.prependOnceListener('close', () => {
      const rest = this.tcp.read() as Buffer | null;
      if (rest) this.#read(rest, () => false);
    });
  }

  /** Only follows where frames begin and end. */
  readonly #observe = (chunk: Buffer): void => {
    for (const rest = this.#withHeader(chunk); rest.at < rest.bytes.length;) {
      const frame = this.#frame ?? this.#open(rest);
      if (!frame) break;
      this.#advance(frame, rest);
    }
    this.#passedHeader = this.#header.length;
  };

  readonly #take = (chunk: Buffer): void => {
    this.#read(chunk, () => this.tcp.isPaused());
  };

  /** @param isPaused whether what follows a piece of a large message is to be read later */
  #read(chunk: Buffer, isPaused: () => boolean): void {
    if (this.#isBroken) return;
    const rest = this.#withHeader(chunk);
    let passed = this.#passedHeader;
    this.#passedHeader = 0;
    while (rest.at < rest.bytes.length) {
      const isNew = !this.#frame;
      const start = rest.at;
      const frame = this.#frame ?? this.#open(rest);
      if (!frame) {
        this.#passedHeader = Math.max(0, passed - start);
        this.#pass(rest.bytes.subarray(passed, start));
        return;
      }
      if (isNew && passed > start) frame.isLarge = false; // `ws` has the beginning of its header
      if (frame.isLarge) {
        if (isNew) {
          this.#pass(rest.bytes.subarray(passed, start));
          this.#large?.begin(frame.payload, frame.opcode === TEXT);
        }
        this.#handOver(frame, rest);
        passed = rest.at;
        if (!isPaused() || passed === rest.bytes.length) continue;
        this.tcp.unshift(rest.bytes.subarray(passed)); // read again when the socket is resumed
        return;
      } else {
        if (isNew && this.#growsLarge(frame)) {
          this.#pass(rest.bytes.subarray(passed, start));
          passed = Math.max(passed, start);
          this.#large?.fragmented();
        }
        this.#advance(frame, rest);
      }
    }
    this.#pass(rest.bytes.subarray(passed));
  }

  #withHeader(chunk: Buffer): { bytes: Buffer; at: number } {
    const bytes = this.#header.length === 0 ? chunk : Buffer.concat([this.#header, chunk]);
    this.#header = Buffer.alloc(0);
    return { bytes, at: 0 };
  }

  /** Reads the header of the next frame. @returns undefined if it is incomplete, and kept */
  #open(rest: { bytes: Buffer; at: number }): OpenFrame | undefined {
    const header = readHeader(rest.bytes, rest.at);
    if (!header) {
      this.#header = Buffer.from(rest.bytes.subarray(rest.at));
      rest.at = rest.bytes.length;
      return undefined;
    }
    rest.at += header.headerBytes;
    const { isFinal, isReserved, opcode, mask, payload } = header;
    // ws judges what breaks the protocol
    const isWhole = isFinal && !isReserved && mask !== undefined && Number.isSafeInteger(payload);
    const isLarge =
      isWhole && payload > this.#minBytes && (opcode === TEXT || opcode === BINARY) && this.#fragments === undefined;
    this.#frame = { ...header, left: payload, isLarge };
    return this.#frame;
  }

  #advance(frame: OpenFrame, rest: { bytes: Buffer; at: number }): void {
    const count = Math.min(frame.left, rest.bytes.length - rest.at);
    rest.at += count;
    frame.left -= count;
    if (frame.left === 0) this.#close(frame);
  }

  #handOver(frame: OpenFrame, rest: { bytes: Buffer; at: number }): void {
    const piece = rest.bytes.subarray(rest.at, rest.at + frame.left);
    if (piece.length === 0) return;
    if (frame.mask) unmask(piece, frame.mask, frame.payload - frame.left);
    this.#advance(frame, rest);
    this.#large?.piece(piece);
    if (frame.left === 0) this.#large?.end();
  }

  #close({ isFinal, opcode, payload }: OpenFrame): void {
    this.#frame = undefined;
    if (opcode > BINARY) return; // a control frame may stand between the frames of a message
    if (isFinal) this.#fragments = undefined;
    else this.#fragments = (this.#fragments ?? 0) + payload;
  }

  /** @returns whether the frame makes a message in several frames larger than `minBytes` */
  #growsLarge({ isFinal, opcode, payload }: OpenFrame): boolean {
    if (opcode > BINARY || (isFinal && opcode !== CONTINUATION)) return false;
    const before = this.#fragments ?? 0;
    return before <= this.#minBytes && before + payload > this.#minBytes;
  }

  #pass(bytes: Buffer): void {
    if (bytes.length > 0 && !this.#isBroken) for (const reader of this.#readers) reader.call(this.tcp, bytes);
  }
}
