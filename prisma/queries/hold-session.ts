import type { Queryable } from '../database.js';
import { SupersededError, type SessionFence } from '../session.js';

/**
 * Makes sure that the session still holds its node, until the transaction ends.
 * @throws SupersededError
 */
export async function holdSession(tx: Queryable, { nodeId, fence }: SessionFence): Promise<void> {
  const [held] = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM node_lease WHERE node_id = ${nodeId}::uuid AND fence = ${fence} FOR SHARE`;
  if (held === undefined) throw new SupersededError(nodeId);
}
