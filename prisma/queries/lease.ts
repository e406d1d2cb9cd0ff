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
  /** Drawn from the sequence `lease_fence` when the login began. */
  fence: bigint;
  ttlSeconds: number;
}

/**
 * Takes the node's lease for a new session from an older one, even if this statement takes effect late.
 * @returns false if the session of a newer login has the lease
 */
export async function acquireLease(db: Queryable, claim: LeaseClaim): Promise<boolean> {
  const acquired = await db.$executeRaw`
    INSERT INTO node_lease (node_id, queue, instance_id, session_id, fence, expires_at)
    VALUES (${claim.nodeId}::uuid, ${claim.queue}, ${claim.instanceId}, ${claim.sessionId}::uuid,
            ${claim.fence}, now() + make_interval(secs => ${claim.ttlSeconds}))
    ON CONFLICT (node_id) DO UPDATE SET queue = excluded.queue, instance_id = excluded.instance_id,
      session_id = excluded.session_id, fence = excluded.fence, expires_at = excluded.expires_at
    WHERE node_lease.fence < excluded.fence`;
  return acquired === 1;
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
