/** Server-sent events as they go on the wire. */
import { encodeCursor, encodePosition } from './cursor.js';
import type { LogSegment } from './read-forward.js';

/** Events are joined into pieces of about this many characters. */
const PIECE_CHARACTERS = 16 * 1024;
/** A line can have 1 MiB. It is split, because a reader that takes one piece in time counts as alive. */
const MAX_PIECE_BYTES = 64 * 1024;

/** @param id where the stream goes on after this event; without it that stays where it was */
export function formatEvent(event: string, data: object, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Makes one event per entry, in pieces to be written one by one. An event's id is the cursor after its entry. */
export function formatEntries(segments: LogSegment[]): Buffer[] {
  const pieces: Buffer[] = [];
  let text = '';
  for (const { before, ordinal, entries } of segments) {
    const positions = new Map(before.positions);
    positions.delete(ordinal);
    const others = encodeCursor({ ...before, positions });
    for (const entry of entries) {
      text += `id: ${others}${encodePosition(ordinal, entry.seq)}\ndata: ${entry.json}\n\n`;
      if (text.length < PIECE_CHARACTERS) continue;
      pieces.push(...split(Buffer.from(text)));
      text = '';
    }
  }
  return text === '' ? pieces : [...pieces, ...split(Buffer.from(text))];
}

function split(bytes: Buffer): Buffer[] {
  if (bytes.length <= MAX_PIECE_BYTES) return [bytes];
  return Array.from({ length: Math.ceil(bytes.length / MAX_PIECE_BYTES) }, (_, index) =>
    bytes.subarray(index * MAX_PIECE_BYTES, (index + 1) * MAX_PIECE_BYTES),
  );
}
