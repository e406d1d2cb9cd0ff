/**
 * How far sequences go on behind what a database has that was restored or went back: it may have given out more since. Of
 * positions in the feed thousands a second are, and a backup can be weeks old. JavaScript's numbers have room for a
 * million such gaps.
 */
export const SEQUENCE_GAP = 10_000_000_000n;
