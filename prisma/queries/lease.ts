import type { Queryable } from '../database.js';

/** Where a node's socket is: the task queue of its hive, and its session. */
export interface Lease {
  queue: string;
  sessionId: string;
}

export interface LeaseClaim {
  nodeId: string;
  queue: string;
  instanceId: string;
  sessionId: string;
  ttlSeconds: number;
}

/**
 * Takes the node's lease for a new session, whoever has it now.
 * @returns the session's fence, which is higher than every earlier one
 */
export async function acquireLease(db: Queryable, claim: LeaseClaim): Promise<bigint> {
  // nextval again in DO UPDATE: it runs under the row's lock, so that the later of two racing sessions has the higher
  // fence
  const [row] = await db.$queryRaw<{ fence: bigint }[]>`
    INSERT INTO node_lease (node_id, queue, instance_id, session_id, fence, expires_at)
    VALUES (${claim.nodeId}::uuid, ${claim.queue}, ${claim.instanceId}, ${claim.sessionId}::uuid,
            nextval('lease_fence'), now() + make_interval(secs => ${claim.ttlSeconds}))
    ON CONFLICT (node_id) DO UPDATE SET queue = excluded.queue, instance_id = excluded.instance_id,
      session_id = excluded.session_id, fence = nextval('lease_fence'), expires_at = excluded.expires_at
    RETURNING fence`;
  if (!row) throw new Error(`lease of node ${claim.nodeId} was not written`);
  return row.fence;
}

/**
 * Lets the leases expire now: their sockets get no new work, and what they have sent can still be stored.
 */
export async function expireLeases(db: Queryable, fences: bigint[]): Promise<void> {
  await db.$executeRaw`UPDATE node_lease SET expires_at = now() WHERE fence = ANY (${fences}::bigint[])`;
}

/** Gives the lease up, unless a newer session has it already. */
export async function releaseLease(db: Queryable, nodeId: string, fence: bigint): Promise<void> {
  await db.$executeRaw`
    WITH released AS (
      DELETE FROM node_lease WHERE node_id = ${nodeId}::uuid AND fence = ${fence} RETURNING node_id
    )
    UPDATE node SET disconnected_at = now(), updated_at = now() FROM released WHERE node.id = released.node_id`;
}

/** @returns the node's lease if it is valid by the database's clock; undefined if no hive has the node's socket */
export async function findLease(db: Queryable, nodeId: string): Promise<Lease | undefined> {
  const [row] = await db.$queryRaw<Lease[]>`
    SELECT queue, session_id AS "sessionId" FROM node_lease
    WHERE node_id = ${nodeId}::uuid AND expires_at > now()`;
  return row;
}
