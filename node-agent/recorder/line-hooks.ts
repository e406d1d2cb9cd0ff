/** What else happens to the lines that an absorber makes. */
import type { Store } from '../store/open.js';

export interface LineHooks {
  /** Sees lines of stdout as they are written. */
  seen?: {
    /** ASCII; only lines that begin with it. */
    prefix: string;
    /** A line that is too long, or that stood unfinished, comes in pieces: all but the last are partial. */
    line: (content: string, isPartial: boolean) => void;
  };
  /** How many values the recorder has masked so far. */
  masked?: (count: number) => void;
  /**
   * Stores what was learnt, in the transaction that stores the lines. Called again if that is rolled back.
   * @param isEnd whether no line follows
   */
  stored?: (store: Store, keys: { key: number; attemptKey: number }, isEnd: boolean) => void;
}

/** @param settings what the recording was given as `lineSettings` */
export function lineHooks(settings: unknown): LineHooks {
  if (settings === undefined) return {};
  return {};
}
