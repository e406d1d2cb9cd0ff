/** Which attempts a list, a count or a search is about. */
import type { ExecutionStatus, SyncState } from '../../protocol/frames.js';
import { Prisma } from '../database.js';
import { anyCase } from './any-case.js';

export interface AttemptFilter {
  nodeId?: string | undefined;
  syncState?: SyncState | undefined;
  /** As of the attempt's newest position in the feed, because that has an index. */
  status?: ExecutionStatus | undefined;
  executor?: string | undefined;
  branch?: string | undefined;
  sharedTaskId?: string | undefined;
  /** What the title or the command contains, in upper or lower case. */
  text?: string | undefined;
  /** By `created_at`, as PostgreSQL reads it: not before `since`, and before `until`. */
  since?: string | undefined;
  until?: string | undefined;
  /** The first hexadecimal digits of the id, in lower case and without hyphens. */
  idPrefix?: string | undefined;
  /** Changed after this position in the feed. */
  changedAfter?: bigint | undefined;
}

/**
 * Conditions on `attempt a`, its row `s` of attempt_sync and its row `c` of attempt_change (find-attempt.ts has the
 * join), each to be met. Whose attempts they are has to be said besides.
 */
export function attemptConditions(filter: AttemptFilter): Prisma.Sql[] {
  const { nodeId, syncState, status, executor, branch, sharedTaskId, text, since, until, idPrefix, changedAfter } =
    filter;
  return [
    ...(nodeId === undefined ? [] : [Prisma.sql`a.node_id = ${nodeId}::uuid`]),
    ...(syncState === undefined ? [] : [Prisma.sql`s.state = ${syncState}::sync_state`]),
    ...(status === undefined ? [] : [Prisma.sql`c.status = ${status}::execution_status`]),
    ...(executor === undefined ? [] : [Prisma.sql`a.executor = ${executor}`]),
    ...(branch === undefined ? [] : [Prisma.sql`c.branch = ${branch}`]),
    ...(sharedTaskId === undefined ? [] : [Prisma.sql`a.shared_task_id = ${sharedTaskId}::uuid`]),
    ...(text === undefined ? [] : [Prisma.sql`(a.title ~ ${anyCase(text)} OR c.command ~ ${anyCase(text)})`]),
    ...(since === undefined ? [] : [Prisma.sql`a.created_at >= ${since}::timestamptz`]),
    ...(until === undefined ? [] : [Prisma.sql`a.created_at < ${until}::timestamptz`]),
    ...(idPrefix === undefined ? [] : [isBetween(idPrefix)]),
    ...(changedAfter === undefined ? [] : [Prisma.sql`c.position > ${changedAfter}::bigint`]),
  ];
}

function isBetween(prefix: string): Prisma.Sql {
  return Prisma.sql`a.id BETWEEN ${prefix.padEnd(32, '0')}::uuid AND ${prefix.padEnd(32, 'f')}::uuid`;
}
