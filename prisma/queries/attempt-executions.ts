import { Prisma } from '../database.js';
import { STORED_LINES } from './stored-lines.js';

/**
 * What an attempt shows of its executions, as `shown`, to be joined to `attempt a`. `shown.status` is null if it has
 * none. Executions can be nested and run beside each other: the attempt runs while any of them does, and shows the one
 * that began first of those that run, otherwise the one that ended last.
 */
export const SHOWN_EXECUTION = Prisma.sql`
  LEFT JOIN LATERAL (
    SELECT e.status, e.exit_code, e.command, e.ended_at,
           (count(*) FILTER (WHERE e.status <> 'running') OVER ())::int AS ended_executions,
           (sum(e.declared_lines) OVER ())::bigint AS lines_declared,
           (sum(${STORED_LINES}) OVER ())::bigint AS lines_stored
    FROM execution e WHERE e.attempt_id = a.id AND NOT e.gone_from_node
    ORDER BY e.status = 'running' DESC,
             CASE WHEN e.status <> 'running' THEN COALESCE(e.ended_at, e.created_at) END DESC,
             CASE e.status WHEN 'running' THEN e.ordinal ELSE -e.ordinal END
    LIMIT 1
  ) shown ON true`;
