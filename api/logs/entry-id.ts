/** An entry's id: its execution's ordinal and its line's number in one integer that orders an attempt's entries. */

/** Larger than any line's number. With 100,000 executions an id is still a safe integer. */
const LINES_PER_EXECUTION = 2 ** 36;

export interface EntryPosition {
  ordinal: number;
  seq: number;
}

export function toEntryId({ ordinal, seq }: EntryPosition): number {
  return ordinal * LINES_PER_EXECUTION + seq;
}

export function fromEntryId(id: number): EntryPosition {
  return { ordinal: Math.floor(id / LINES_PER_EXECUTION), seq: id % LINES_PER_EXECUTION };
}
