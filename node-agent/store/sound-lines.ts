/** Reads every line of an execution that can be read, and says which cannot. */
import type { LogLine } from '../../protocol/page.js';
import { codeOf } from '../errors.js';
import type { Store } from './open.js';
import { readPiece, textsOf, type Piece } from './read-lines.js';
import { SELECT_NEXT_SEQ, SELECT_PAGE_RANGE } from './sql.js';

export type SoundLine =
  | { kind: 'line'; seq: number; line: LogLine }
  /** Lines `first` to `last` cannot be read; why, in few words. */
  | { kind: 'damaged'; first: number; last: number; why: string };

/** @param after the number of the line before the first one, @param through that of the last one */
export function* soundLines(store: Store, executionKey: number, after: number, through: number): Generator<SoundLine> {
  for (let seq = after; seq < through;) {
    const next = readNext(store, executionKey, seq, through);
    if ('kind' in next) yield next;
    else yield* linesOf(next);
    seq = 'kind' in next ? next.last : next.lastSeq;
  }
}

type Damaged = Extract<SoundLine, { kind: 'damaged' }>;

function readNext(store: Store, key: number, after: number, through: number): Piece | Damaged {
  let why = 'missing';
  try {
    const piece = readPiece(store, key, after, through);
    if (piece) return piece;
  } catch (error) {
    why = `cannot be read: ${codeOf(error)}`;
  }
  return { kind: 'damaged', first: after + 1, last: lastUnreadable(store, key, after, through), why };
}

/** @returns the number of the line before the next one that may be readable */
function lastUnreadable(store: Store, key: number, after: number, through: number): number {
  try {
    // of a page whose bytes cannot be read, the row still says where it ends
    const page = store.prepare<{ first_seq: number; last_seq: number }>(SELECT_PAGE_RANGE).get(key, after);
    if (page && page.first_seq <= after + 1) return Math.min(page.last_seq, through);
    const next = store.value(SELECT_NEXT_SEQ, key, after + 1, key, after + 1) as number | null;
    return Math.min((next ?? through + 1) - 1, through);
  } catch {
    return through;
  }
}

function* linesOf(piece: Piece): Generator<SoundLine> {
  const { firstSeq, lastSeq } = piece;
  let texts: string[];
  try {
    texts = textsOf(piece);
  } catch (error) {
    yield { kind: 'damaged', first: firstSeq, last: lastSeq, why: `cannot be unpacked: ${codeOf(error)}` };
    return;
  }
  for (let seq = firstSeq; seq <= lastSeq; seq++) {
    const text = texts[seq - firstSeq];
    const line = text === undefined ? undefined : parsed(text);
    if (line) yield { kind: 'line', seq, line };
    else yield { kind: 'damaged', first: seq, last: seq, why: text === undefined ? 'missing' : 'is no JSON' };
  }
}

function parsed(text: string): LogLine | undefined {
  try {
    const line = JSON.parse(text) as LogLine | null;
    return typeof line?.content === 'string' ? line : undefined;
  } catch {
    return undefined;
  }
}
