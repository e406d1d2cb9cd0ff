/** What one answer of a search may take, besides the characters that any answer may have. */

/** How long a search goes on, and what ends it before. */
export interface SearchEnds {
  /** When the answer ends, by `performance.now()`. */
  deadline: number;
  /** Each ends the answer, which then says where to go on. */
  ends: (AbortSignal | undefined)[];
  /** Ends the work in the threads. */
  signal: AbortSignal;
}

/** Stored lines that could not be searched. */
export interface DamagedLines {
  execution_id: string;
  first_seq: number;
  last_seq: number;
}

/** An answer ends when it has named this many damaged places. */
export const MAX_DAMAGED = 100;
/** The least time that a part gets, so that every answer comes further. */
const MIN_PART_MS = 500;

/** @param deadline when the answer ends, by `performance.now()` @returns how long a part may take */
export function partMs(deadline: number): number {
  return Math.max(MIN_PART_MS, deadline - performance.now());
}
