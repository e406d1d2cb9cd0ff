import type { Queryable } from '../client.js';
import { SupersededError } from './store-metadata.js';
import type { SessionFence } from './store-page.js';

/**
 * Makes sure that the session still holds its node, until the transaction ends.
 * @throws SupersededError
 */
export async function holdSession(tx: Queryable, { nodeId, fence }: SessionFence): Promise<void> {
  const [held] = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM node_lease WHERE node_id = ${nodeId}::uuid AND fence = ${fence} FOR SHARE`;
  if (held === undefined) throw new SupersededError(nodeId);
}
