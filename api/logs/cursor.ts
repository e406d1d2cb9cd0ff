/**
 * Where a reader of a log is. Several executions of an attempt can run at once, so a forward cursor has a line number
 * for each of them: `f<through>.<ordinal>-<seq>…`, with numbers in base 36. Listed executions have been read up to
 * their seq. Of the others, those up to `through` have been read to their end, and those after it not at all.
 * A cursor that is only a number is the id of an entry.
 */
import { invalidCursor } from '../problem.js';
import { fromEntryId, type EntryPosition } from './entry-id.js';

export interface ForwardCursor {
  through: number;
  /** The last line read of an execution, by the execution's ordinal. */
  positions: ReadonlyMap<number, number>;
}

export const LOG_START: ForwardCursor = { through: 0, positions: new Map() };

/** With more, a cursor would not fit into a request's headers. */
export const MAX_LISTED_EXECUTIONS = 1000;

const FORWARD = /^f[0-9a-z]{1,5}(\.[0-9a-z]{1,5}-[0-9a-z]{1,6})*$/;
const ENTRY_ID = /^\d{1,16}$/;
const MAX_SEQ = 2 ** 31 - 1;

export function encodeCursor({ through, positions }: ForwardCursor): string {
  let text = `f${through.toString(36)}`;
  for (const [ordinal, seq] of positions) text += encodePosition(ordinal, seq);
  return text;
}

/** Encodes one listed execution, to be appended to a cursor that does not list it. */
export function encodePosition(ordinal: number, seq: number): string {
  return `.${ordinal.toString(36)}-${seq.toString(36)}`;
}

/** @throws ApiError invalid_cursor */
export function decodeCursor(text: string): ForwardCursor | EntryPosition {
  if (ENTRY_ID.test(text)) return decodeEntryId(text);
  if (!FORWARD.test(text)) throw invalidCursor();
  const [through = '', ...listed] = text.slice(1).split('.');
  const positions = new Map<number, number>();
  for (const item of listed) {
    const [ordinal = NaN, seq = NaN] = item.split('-').map((number) => parseInt(number, 36));
    if (seq > MAX_SEQ || positions.has(ordinal)) throw invalidCursor();
    positions.set(ordinal, seq);
  }
  if (positions.size > MAX_LISTED_EXECUTIONS) throw invalidCursor();
  return { through: parseInt(through, 36), positions };
}

/** @throws ApiError invalid_cursor */
export function decodeEntryId(text: string): EntryPosition {
  const id = Number(text);
  if (!Number.isSafeInteger(id)) throw invalidCursor();
  return fromEntryId(id);
}

export function isForwardCursor(cursor: ForwardCursor | EntryPosition): cursor is ForwardCursor {
  return 'positions' in cursor;
}
