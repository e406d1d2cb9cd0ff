import type { Queryable } from '../database.js';

/** What a hive has told a node: the hive has this revision of the attempt. */
export interface Acknowledgement {
  nodeId: string;
  /** The key that the node used. */
  apiKeyId: string;
  attemptId: string;
  revision: bigint;
}

export interface NewMarker {
  /** Null to only check what the hive has written and acknowledged before. */
  id: string | null;
  instanceId: string;
  /** The last marker that this hive has written; null if it has not written one. */
  previous: string | null;
  /** What this hive has acknowledged since then. */
  acknowledged: Acknowledgement[];
}

export interface WrittenMarker {
  /** The database still contains the previous marker. If not, nothing was written. */
  hasPrevious: boolean;
  /** Nodes with an acknowledged revision that the database does not contain. If there are any, nothing was written. */
  lostNodes: string[];
}

/**
 * Writes a marker if the database still contains everything that this hive has acknowledged. It may not, if it was
 * replaced by a backup or by a standby that was behind, and the hive's connections have gone on with it.
 */
export async function writeMarker(db: Queryable, marker: NewMarker): Promise<WrittenMarker> {
  const { id, instanceId, previous, acknowledged } = marker;
  const [row] = await db.$queryRaw<WrittenMarker[]>`
    WITH acknowledged AS (
      SELECT * FROM unnest(${acknowledged.map((item) => item.nodeId)}::uuid[], ${acknowledged.map((item) => item.apiKeyId)}::uuid[],
                           ${acknowledged.map((item) => item.attemptId)}::uuid[], ${acknowledged.map((item) => item.revision)}::bigint[])
        AS t (node_id, key_id, attempt_id, revision)
    ), lost AS (
      SELECT DISTINCT acknowledged.node_id FROM acknowledged
      LEFT JOIN attempt a ON a.id = acknowledged.attempt_id AND a.node_id = acknowledged.node_id
      WHERE (a.revision IS NULL OR a.revision < acknowledged.revision)
        -- a node that is being deleted loses its keys first, then its attempts
        AND NOT EXISTS (SELECT FROM node_api_key k WHERE k.id = acknowledged.key_id AND k.revoked_at IS NOT NULL)
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
