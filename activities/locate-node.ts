import type { Database } from '../prisma/client.js';
import { findLease } from '../prisma/queries/lease.js';
import type { NodeLocation } from '../workflows/definitions.js';

/** The queue of the hive that holds the node's socket; undefined while none does. */
export async function locateNode(database: Database, nodeId: string): Promise<NodeLocation | undefined> {
  const lease = await findLease(database, nodeId);
  return lease && { queue: lease.queue, sessionId: lease.sessionId };
}
