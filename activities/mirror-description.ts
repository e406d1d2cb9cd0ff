import { storeDescription } from '../prisma/queries/store-metadata.js';
import type { Mirror } from './mirror.js';

/**
 * Takes in the node's description of the attempt and its executions, part by part.
 * @returns whether the node's revision was new to the hive
 */
export async function mirrorDescription({
  attemptId,
  connection,
  database,
  signal,
}: Mirror): Promise<{ changed: boolean }> {
  const before = await database.attempt.findUnique({ where: { id: attemptId }, select: { describedRevision: true } });
  const executionIds: string[] = [];
  let revision = Infinity;
  for await (const part of connection.describeAttempt(attemptId, signal)) {
    executionIds.push(...part.executions.map((execution) => execution.execution_id));
    revision = Math.min(revision, part.attempt.revision); // what changed between two parts is not described yet
    const end = part.last ? { revision, executionIds } : undefined;
    await storeDescription(database, connection.session, part.attempt, part.executions, end);
  }
  return { changed: before === null || before.describedRevision < revision };
}
