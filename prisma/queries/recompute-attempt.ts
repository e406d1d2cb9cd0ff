import type { Database } from '../database.js';
import { completeAtOnce, computeSync, lockAttempts, type ComputedSync } from './sync-state.js';

/** Computes one attempt's state anew, after something about its stored lines has changed. Undefined: it is gone. */
export async function recomputeAttempt(db: Database, attemptId: string): Promise<ComputedSync | undefined> {
  const complete = await completeAtOnce(db, attemptId, null);
  if (complete) return { attemptId, revision: complete.revision, state: 'complete', needsBackfill: false };
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    return (await computeSync(tx, [attemptId]))[0];
  });
}
