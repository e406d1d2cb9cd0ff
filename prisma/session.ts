/** A node's session, and the check that it is still the current one, which every write that it causes makes. */
import { Prisma, type Queryable } from './database.js';

/** The part of a session that every write carries: the node, and the fence of its lease. */
export interface SessionFence {
  nodeId: string;
  fence: bigint;
}

export interface NodeSession extends SessionFence {
  organizationId: string;
}

/** The node has a newer session: nothing that this one says counts any more. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
  readonly code = 'superseded';
  constructor(readonly nodeId: string) {
    super(`a newer session of node ${nodeId} has taken over`);
  }
}

/** Condition: the session is the node's current one. */
export function isCurrentSession({ nodeId, fence }: SessionFence): Prisma.Sql {
  return Prisma.sql`EXISTS (SELECT FROM node_lease WHERE node_id = ${nodeId}::uuid AND fence = ${fence})`;
}

/**
 * Requires the session to be the current one now. A newer one may still take over before the transaction ends, so the
 * rest of the transaction must be harmless even then: metadata is, because an older revision changes nothing.
 * @throws SupersededError
 */
export async function requireSession(tx: Queryable, session: SessionFence): Promise<void> {
  const current = await tx.$queryRaw<unknown[]>`SELECT WHERE ${isCurrentSession(session)}`;
  if (current.length === 0) throw new SupersededError(session.nodeId);
}

/**
 * Requires the session to be the current one and keeps it so: a newer session waits until the transaction ends.
 * @throws SupersededError
 */
export async function lockSession(tx: Queryable, { nodeId, fence }: SessionFence): Promise<void> {
  const current = await tx.$queryRaw<unknown[]>`
    SELECT FROM node_lease WHERE node_id = ${nodeId}::uuid AND fence = ${fence} FOR SHARE`;
  if (current.length === 0) throw new SupersededError(nodeId);
}
