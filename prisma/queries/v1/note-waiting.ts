import type { Queryable } from '../../database.js';

/** Why an attempt's backfill makes no progress although its node is connected: the node owes answers to others. */
const WAITS_FOR_ANSWERS = 'waits_for_earlier_answers';

/** Shows with the attempt what its backfill waits for. The end of the backfill says something else. */
export async function noteWaiting(db: Queryable, attemptId: string): Promise<void> {
  await db.$executeRaw`
    UPDATE attempt_sync SET last_error = ${WAITS_FOR_ANSWERS}
    WHERE attempt_id = ${attemptId}::uuid AND state = 'pending_backfill' AND last_error IS DISTINCT FROM ${WAITS_FOR_ANSWERS}`;
}
