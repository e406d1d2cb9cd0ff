import { compareDescription, type KnownDescription } from '../prisma/queries/compare-description.js';
import { storeDescription } from '../prisma/queries/store-metadata.js';
import type { Mirror } from './mirror.js';

/**
 * Stores the node's description of the attempt and its executions, part by part. If the hive already has it, as after
 * an announcement, this costs one comparison.
 * @param always store it even then, because something that the node did does not match it
 * @returns whether the node's revision was new to the hive
 */
export async function mirrorDescription(
  { attemptId, connection, database, signal }: Mirror,
  always = false,
): Promise<{ changed: boolean }> {
  let before: KnownDescription | undefined;
  const executionIds: string[] = [];
  let revision = Infinity;
  for await (const { attempt, executions, last } of connection.describeAttempt(attemptId, signal)) {
    if (revision === Infinity) {
      before = await compareDescription(database, connection.session, attempt, executions);
      if (last && before?.isTakenIn && !always) return { changed: false };
    }
    executionIds.push(...executions.map((execution) => execution.execution_id));
    revision = Math.min(revision, attempt.revision); // what changed between two parts is not described yet
    const end = last ? { revision, executionIds } : undefined;
    await storeDescription(database, connection.session, attempt, executions, end);
  }
  return { changed: before === undefined || before.describedRevision < revision };
}
