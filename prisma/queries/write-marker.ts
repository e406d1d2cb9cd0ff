import type { Queryable } from '../database.js';

/** What a hive has told a node: the hive has this revision of the attempt. */
export interface Acknowledgement {
  nodeId: string;
  /** The key that the node used. */
  apiKeyId: string;
  attemptId: string;
  revision: bigint;
}

/** A session that gets the marker. */
export interface MarkedSession {
  nodeId: string;
  apiKeyId: string;
  fence: bigint;
}

export interface NewMarker {
  /** Null to only check what the hive has written and acknowledged before. */
  id: string | null;
  instanceId: string;
  /** The last marker that this hive has written; null if it has not written one. */
  previous: string | null;
  /** What this hive has acknowledged since then. */
  acknowledged: Acknowledgement[];
  /** The sessions that get it. What they brought along from other hives is lost if the database does not know them. */
  sessions: MarkedSession[];
}

export interface WrittenMarker {
  /** The database still contains the previous marker. If not, nothing was written. */
  hasPrevious: boolean;
  /** Nodes with an acknowledged revision or a login that the database does not contain. If there are any, nothing was written. */
  lostNodes: string[];
}

/**
 * Writes a marker if the database still contains everything that this hive has acknowledged. It may not, if it was
 * replaced by a backup or by a standby that was behind, and the hive's connections have gone on with it.
 */
export async function writeMarker(db: Queryable, marker: NewMarker): Promise<WrittenMarker> {
  const { id, instanceId, previous, acknowledged, sessions } = marker;
  const [row] = await db.$queryRaw<WrittenMarker[]>`
    WITH acknowledged AS (
      SELECT * FROM unnest(${acknowledged.map((item) => item.nodeId)}::uuid[], ${acknowledged.map((item) => item.apiKeyId)}::uuid[],
                           ${acknowledged.map((item) => item.attemptId)}::uuid[], ${acknowledged.map((item) => item.revision)}::bigint[])
        AS t (node_id, key_id, attempt_id, revision)
    ), marked AS (
      SELECT * FROM unnest(${sessions.map((item) => item.nodeId)}::uuid[], ${sessions.map((item) => item.apiKeyId)}::uuid[],
                           ${sessions.map((item) => item.fence)}::bigint[]) AS t (node_id, key_id, fence)
    ), missing AS (
      SELECT acknowledged.node_id, acknowledged.key_id FROM acknowledged
      LEFT JOIN attempt a ON a.id = acknowledged.attempt_id AND a.node_id = acknowledged.node_id
      WHERE (a.revision IS NULL OR a.revision < acknowledged.revision)
        -- what an admin has deleted is not lost
        AND NOT EXISTS (SELECT FROM deleted_attempt d WHERE d.attempt_id = acknowledged.attempt_id)
      UNION
      -- a later login has a higher fence; a lower one or none is of a time before this login
      SELECT marked.node_id, marked.key_id FROM marked
      WHERE NOT EXISTS (SELECT FROM node_lease l WHERE l.node_id = marked.node_id AND l.fence >= marked.fence)
    ), lost AS (
      SELECT DISTINCT node_id FROM missing
      -- a node that is being deleted loses its keys first, then its attempts
      WHERE NOT EXISTS (SELECT FROM node_api_key k WHERE k.id = missing.key_id AND k.revoked_at IS NOT NULL)
    ), former AS (
      SELECT ${previous}::uuid IS NULL
        OR EXISTS (SELECT FROM history_marker WHERE history_marker.id = ${previous}::uuid) AS is_known
    ), written AS (
      INSERT INTO history_marker (id, instance_id) SELECT ${id}::uuid, ${instanceId} FROM former
      WHERE ${id}::uuid IS NOT NULL AND is_known AND NOT EXISTS (SELECT FROM lost)
    )
    SELECT is_known AS "hasPrevious", ARRAY(SELECT node_id::text FROM lost) AS "lostNodes" FROM former`;
  if (!row) throw new Error('a marker was neither written nor refused');
  return row;
}

/** Removes markers that are older. A node that still holds one of them announces everything again. */
export async function deleteOldMarkers(db: Queryable, olderThanDays: number): Promise<void> {
  await db.$executeRaw`
    DELETE FROM history_marker WHERE written_at < now() - make_interval(days => ${olderThanDays}::int)`;
}
