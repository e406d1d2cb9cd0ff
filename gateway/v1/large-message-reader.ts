/**
 * Takes a version 1 node's large messages from the tap, piece by piece. The beginning of a message tells what it is: a
 * logs_batch is passed on while it arrives, anything else is held whole, and one that is too large is skipped as it
 * comes, so that the connection and what follows are not lost.
 */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { MAX_V1_BATCH_BYTES, MAX_V1_MESSAGE_BYTES, nodeFrameV1, type NodeDataV1 } from '../../protocol/v1/frames.js';
import type { LargeMessageReader } from '../message-tap.js';
import type { SocketGuard } from '../socket-guard.js';
import type { LargeMessages, Release } from './large-messages.js';
import { pushPiece } from './push-piece.js';

/** What of a batch is read ahead of the lines that are being stored. The rest waits at the node. */
const READ_AHEAD_BYTES = 256 * 1024;
/** The first bytes of a message, which tell what it is. A batch's ids take about 250. */
const HEAD_BYTES = 4096;
const BATCH_HEAD = /^\s*\{\s*"type"\s*:\s*"logs_batch"\s*,\s*"data"\s*:\s*\{[^[\]{}]*"entries"\s*:\s*\[/;

/** A logs_batch without its entries. */
export type BatchHead = Omit<NodeDataV1<'logs_batch'>, 'entries'>;

/** A logs_batch that is still arriving. */
export interface ArrivingBatch extends BatchHead {
  /** The size of the whole message. */
  bytes: number;
  /** What follows the `[` of `entries`. It fails when the socket closes; whoever wants no more of it destroys it. */
  pieces: Readable;
  /** Waits until as much of the batch as fits into a message may be held. @throws if the socket closes */
  hold(): Promise<Release>;
}

export interface LargeMessageLimits {
  /** A larger message is skipped. @format bytes */
  messageBytes: number;
  /** A larger message that is no batch is skipped. @format bytes */
  wholeBytes: number;
}

export const MESSAGE_LIMITS: LargeMessageLimits = {
  messageBytes: MAX_V1_BATCH_BYTES,
  wholeBytes: MAX_V1_MESSAGE_BYTES,
};

export interface LargeMessageReaderDeps {
  organizationId: string;
  guard: SocketGuard;
  places: LargeMessages;
  limits: LargeMessageLimits;
  /** @returns how many bytes have arrived on the connection */
  received: () => number;
  batch: (batch: ArrivingBatch) => void;
  /** A message has arrived whole. @param release gives back its place when it has been stored or dropped */
  whole: (message: Buffer, release: Release) => void;
  /** A batch is skipped. */
  tooLarge: (head: BatchHead, bytes: number) => void;
  /** A message is skipped that can't be a batch. */
  fault: (reason: string, bytes: number) => void;
  /** A part of a large message has arrived. */
  progress: () => void;
}

/** What becomes of a message's bytes. */
interface Sink {
  piece(bytes: Buffer): void;
  end(): void;
  /** The socket has closed. */
  cut(): void;
}

const SKIPPED: Sink = { piece: () => undefined, end: () => undefined, cut: () => undefined };

interface OpenMessage {
  bytes: number;
  arrived: number;
  /** Undefined until its beginning has come. */
  sink: Sink | undefined;
  head: Buffer[];
}

export class LargeMessageReaderV1 implements LargeMessageReader {
  readonly #deps: LargeMessageReaderDeps;
  #message: OpenMessage | undefined;
  #arrived = 0;
  /** The place of a message in several frames. */
  #fragmented: Release | undefined;

  constructor(deps: LargeMessageReaderDeps) {
    this.#deps = deps;
  }

  /** Bytes of large messages so far. */
  get arrived(): number {
    return this.#arrived;
  }

  get isFragmented(): boolean {
    return this.#fragmented !== undefined;
  }

  begin(bytes: number, isText: boolean): void {
    this.#message = { bytes, arrived: 0, sink: isText ? undefined : SKIPPED, head: [] };
    if (!isText) this.#deps.fault('a binary message', bytes);
  }

  piece(bytes: Buffer): void {
    const message = this.#message;
    if (!message) return;
    message.arrived += bytes.length;
    this.#arrived += bytes.length;
    this.#deps.progress();
    if (message.sink) {
      message.sink.piece(bytes);
      return;
    }
    message.head.push(bytes);
    if (message.arrived >= Math.min(HEAD_BYTES, message.bytes)) this.#decide(message, Buffer.concat(message.head));
  }

  end(): void {
    const sink = this.#message?.sink;
    this.#message = undefined;
    sink?.end();
  }

  fragmented(): void {
    this.#fragmented ??= this.#takePlace(this.#deps.limits.wholeBytes, this.#deps.received);
  }

  /** @returns how to give back the place of the message in several frames that has just arrived; undefined if it has none */
  takeFragmented(): Release | undefined {
    const release = this.#fragmented;
    this.#fragmented = undefined;
    if (release) this.#deps.guard.resume('large_message'); // it may have become complete before it got its place
    return release;
  }

  /** The socket has closed. */
  close(): void {
    this.#message?.sink?.cut();
    this.#message = undefined;
    this.takeFragmented()?.();
  }

  #decide(message: OpenMessage, head: Buffer): void {
    const batch = readBatchHead(head);
    message.head = [];
    message.sink = batch ? this.#sinkOfBatch(message, batch.head) : this.#sinkOfOther(message);
    message.sink.piece(batch ? head.subarray(batch.length) : head);
  }

  #sinkOfBatch(message: OpenMessage, head: BatchHead): Sink {
    const { bytes } = message;
    const { limits, guard, tooLarge, batch } = this.#deps;
    if (bytes > limits.messageBytes) {
      tooLarge(head, bytes);
      return SKIPPED;
    }
    const resume = () => guard.resume('streamed_batch');
    const pieces = new Readable({
      highWaterMark: READ_AHEAD_BYTES,
      read: resume,
      destroy: (error, done) => {
        resume();
        done(error);
      },
    });
    pieces.on('error', () => undefined); // whoever reads it sees the error, even if that is later
    batch({ ...head, bytes, pieces, hold: () => this.#hold(message, pieces) });
    return {
      piece: (piece) => {
        if (!pieces.destroyed && !pieces.push(piece)) guard.pause('streamed_batch');
      },
      end: () => {
        if (!pieces.destroyed) pieces.push(null);
      },
      cut: () => pieces.destroy(new Error('the socket closed before the message was complete')),
    };
  }

  #hold(message: OpenMessage, pieces: Readable): Promise<Release> {
    return new Promise((resolve, reject) => {
      if (pieces.errored) throw pieces.errored; // no 'close' will come that ends the wait
      const { places, guard, limits, organizationId } = this.#deps;
      const release = places.take({
        organizationId,
        bytes: Math.min(message.bytes, limits.wholeBytes),
        arrived: () => (message.arrived === message.bytes || guard.isPaused ? undefined : message.arrived),
        admitted: () => resolve(() => release()),
        refused: (reason) => {
          guard.close(reason);
          pieces.destroy(new Error(reason));
          reject(new Error(reason));
        },
      });
      pieces.once('close', () => {
        if (!pieces.errored) return;
        release();
        reject(pieces.errored);
      });
    });
  }

  #sinkOfOther(message: OpenMessage): Sink {
    const { bytes } = message;
    const { limits, fault, whole } = this.#deps;
    if (bytes > limits.wholeBytes) {
      fault('a message that is too large', bytes);
      return SKIPPED;
    }
    const parts: Buffer[] = [];
    const release = this.#takePlace(bytes, () => (message.arrived === bytes ? undefined : message.arrived));
    return {
      piece: (piece) => pushPiece(parts, piece),
      end: () => {
        const text = Buffer.concat(parts.splice(0));
        if (isUtf8(text)) {
          whole(text, release);
          return;
        }
        release();
        fault('a message that is not UTF-8', bytes);
      },
      cut: () => release(),
    };
  }

  /** The socket is not read until there is a place. */
  #takePlace(bytes: number, arrived: () => number | undefined): Release {
    const { places, guard, organizationId } = this.#deps;
    guard.pause('large_message');
    return places.take({
      organizationId,
      bytes,
      arrived: () => (guard.isPaused ? undefined : arrived()),
      admitted: () => guard.resume('large_message'),
      refused: (reason) => guard.close(reason),
    });
  }
}

function readBatchHead(bytes: Buffer): { head: BatchHead; length: number } | undefined {
  const [text] = BATCH_HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES)) ?? [];
  if (text === undefined) return undefined;
  const frame = nodeFrameV1.safeParse(parse(`${text}]}}`));
  if (!frame.success || frame.data.type !== 'logs_batch') return undefined;
  const { assignment_id, shared_task_id, execution_process_id } = frame.data.data;
  return { head: { assignment_id, shared_task_id, execution_process_id }, length: text.length };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
