import type { Database } from '../client.js';
import { driverTransaction } from '../driver.js';
import { computeSync, lockAttempts, type ComputedSync } from './sync-state.js';

/** Computes one attempt's state anew, after something about its stored lines has changed. Undefined: it is gone. */
export function recomputeAttempt(db: Database, attemptId: string): Promise<ComputedSync | undefined> {
  return driverTransaction(db, async (tx) => {
    await lockAttempts(tx, [attemptId]);
    return (await computeSync(tx, [attemptId]))[0];
  });
}
