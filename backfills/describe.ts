/** The newest backfill of an attempt, with numbers that are right however it ended. */
import type { Database } from '../prisma/database.js';
import { countAttemptLines } from '../prisma/queries/settle-backfill.js';
import type { AttemptRef, BackfillProgress } from './definitions.js';
import { describeBackfill, type DescribedBackfill, type ListedBackfill } from './find.js';
import type { TemporalDoor } from './temporal-door.js';

/** What the hive had of the attempt at a backfill's end. */
export interface BackfillEnd {
  linesDeclared: number;
  linesStored: number;
  /** Null if it was ended from outside and no worker could tell. */
  linesPulled: number | null;
  /** A code; null if the attempt is complete. */
  reason: string | null;
}

export interface BackfillDescription extends ListedBackfill {
  /** Set while it runs; null if no worker answered in time. */
  progress: BackfillProgress | null;
  /** Set once it has ended. */
  result: BackfillEnd | null;
}

/**
 * @returns undefined if Temporal knows no backfill of the attempt
 * @throws TemporalUnavailableError
 */
export async function describeNewest(
  temporal: TemporalDoor,
  database: Database,
  attempt: AttemptRef,
): Promise<BackfillDescription | undefined> {
  const found = await temporal.call('management', (client) => describeBackfill(client, attempt));
  if (!found) return undefined;
  const { result, endReason, ...backfill } = found;
  if (backfill.status === 'running') return { ...backfill, result: null };
  if (result) return { ...backfill, result: { ...result, reason: result.reason ?? null } };
  return { ...backfill, progress: null, result: await endWithoutResult(database, found, endReason) };
}

/** One that was ended from outside has not counted at its end, so the hive's database tells what there is now. */
async function endWithoutResult(
  database: Database,
  { attemptId, status, progress }: DescribedBackfill,
  reason: string | null,
): Promise<BackfillEnd> {
  const hasCounted = progress !== null && (status === 'failed' || status === 'cancelled');
  const { linesDeclared, linesStored } = hasCounted ? progress : await countAttemptLines(database, attemptId);
  return { linesDeclared, linesStored, linesPulled: progress?.linesPulled ?? null, reason };
}
