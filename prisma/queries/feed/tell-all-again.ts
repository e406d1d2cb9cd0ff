import type { Database, Queryable } from '../../database.js';
import { SEQUENCE_GAP } from '../../sequence-gap.js';

/** Millions of attempts take longer than an answer may otherwise, and who finds this has to come through with it. */
const ANSWER_MS = 10 * 60_000;

/**
 * Gives every attempt a new position, higher than those that were given out before the database went back to an earlier
 * state: readers have seen positions that would come again for other changes.
 */
export function tellAllAgain(db: Database): Promise<void> {
  const everything = async (tx: Queryable): Promise<void> => {
    await tx.$queryRaw`SELECT skip_positions(${SEQUENCE_GAP}::bigint)`;
    await tx.$executeRaw`
      INSERT INTO attempt_touched (attempt_id) SELECT attempt_id FROM attempt_change WHERE NOT deleted ORDER BY position`;
  };
  return db.$transaction(everything, { answerMs: ANSWER_MS });
}
