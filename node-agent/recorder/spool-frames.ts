/**
 * The frames of a spool: what a recorder read, in the order in which it read it. A frame is a header of 16 bytes (kind,
 * mark, length of the content, time) and its content.
 */
import type { ExecutionEnd, NewAttempt, NewExecution } from '../store/recorded.js';

/** Append only: spools of a former version may still be there. */
export const FRAME_KINDS = ['none', 'stdout', 'stderr', 'system', 'end', 'header', 'lost', 'masked'] as const;
export type FrameKind = Exclude<(typeof FRAME_KINDS)[number], 'none'>;

/** `header`: what is recorded; first in each segment. */
export interface SpoolHeader {
  attempt: NewAttempt;
  execution: NewExecution;
  /** The output comes from a terminal. */
  terminal?: boolean;
}

/** `lost`: output is missing here. */
export interface LostOutput {
  lines: number;
  /** Why. */
  code: string;
}

/** `end`: nothing follows. */
export type SpoolEnd = ExecutionEnd;

export interface Frame {
  kind: FrameKind;
  /** When it was read; ms since the epoch. */
  time: number;
  /** Valid until the next frame is read. */
  content: Buffer;
}

export const HEADER_BYTES = 16;
/** A longer content is several frames; a longer frame is a damaged one. */
export const MAX_CONTENT_BYTES = 1024 * 1024;
const MARK = 'HSP';

const header = Buffer.from(`\0${MARK}`.padEnd(HEADER_BYTES, '\0'), 'latin1');
const KIND_NUMBERS = Object.fromEntries(FRAME_KINDS.map((kind, number) => [kind, number])) as Record<FrameKind, number>;

/** @returns 16 bytes, valid until the next call: one is needed for each piece of output */
export function encodeHeader(kind: FrameKind, length: number, time: number): Buffer {
  header.writeUInt8(KIND_NUMBERS[kind], 0);
  header.writeUInt32LE(length, 4);
  header.writeDoubleLE(time, 8);
  return header;
}

/** @returns undefined if there is no header at `at`: the spool is damaged */
export function decodeHeader(bytes: Buffer, at: number): { kind: FrameKind; length: number; time: number } | undefined {
  const kind = FRAME_KINDS[bytes.readUInt8(at)];
  const length = bytes.readUInt32LE(at + 4);
  const time = bytes.readDoubleLE(at + 8);
  if (kind === undefined || kind === 'none' || bytes.toString('latin1', at + 1, at + 4) !== MARK) return undefined;
  if (length > MAX_CONTENT_BYTES || !(Math.abs(time) <= 8.64e15)) return undefined;
  return { kind, length, time };
}

/** @returns whether a frame says what is recorded */
export function isHeader(frame: Frame | undefined): boolean {
  if (frame?.kind !== 'header') return false;
  try {
    JSON.parse(frame.content.toString());
    return true;
  } catch {
    return false; // a power cut has taken its content
  }
}
