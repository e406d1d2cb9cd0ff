import type { ExecutionSync } from '../../../protocol/frames.js';
import type { Database, Queryable } from '../../database.js';
import type { SessionFence } from '../../session.js';
import type { ComputedSync } from '../attempt-state.js';
import { needBackfill } from '../need-backfill.js';

/** What a node has answered to the question which executions some attempts have. */
export interface AnsweredAsk {
  attemptIds: string[];
  /** The executions that came. */
  listed: ReadonlySet<string>;
  /** The attempts that the node does not have. */
  notFound: string[];
}

/**
 * Makes attempts need a backfill of which the node did not say what the hive wanted to know: those that it does not
 * have, and those with an execution that runs, as far as the hive knows, and did not come. Dropped executions never
 * come. An attempt that is complete stays so, whatever the node has forgotten since.
 * @returns the states of the attempts that need a backfill because of it
 * @throws SupersededError
 */
export async function needAfterAsk(db: Database, session: SessionFence, ask: AnsweredAsk): Promise<ComputedSync[]> {
  const needed: ComputedSync[] = [];
  for (const attemptId of await listUnanswered(db, session, ask)) {
    const sync = await needBackfill(db, session, attemptId);
    if (sync) needed.push(sync);
  }
  return needed;
}

async function listUnanswered(db: Queryable, { nodeId }: SessionFence, ask: AnsweredAsk): Promise<Set<string>> {
  if (ask.attemptIds.length === 0) return new Set();
  const rows = await db.$queryRaw<{ attemptId: string; metadata: string | null }[]>`
    SELECT s.attempt_id AS "attemptId", e.metadata::text AS metadata FROM attempt_sync s
    LEFT JOIN execution e ON e.attempt_id = s.attempt_id AND e.status = 'running' AND NOT e.gone_from_node
      AND e.id <> ALL (${[...ask.listed]}::uuid[])
    WHERE s.attempt_id = ANY (${ask.attemptIds}::uuid[]) AND s.node_id = ${nodeId}::uuid
      AND s.state = 'partial' AND NOT s.needs_backfill
      AND (e.id IS NOT NULL OR s.attempt_id = ANY (${ask.notFound}::uuid[]))`;
  const isDropped = (metadata: string) => (JSON.parse(metadata) as ExecutionSync).dropped;
  return new Set(
    rows
      .filter(
        ({ attemptId, metadata }) => metadata === null || ask.notFound.includes(attemptId) || !isDropped(metadata),
      )
      .map(({ attemptId }) => attemptId),
  );
}
