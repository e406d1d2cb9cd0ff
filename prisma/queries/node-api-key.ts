import type { NodeApiKey } from '../generated/client.js';
import type { Models } from '../database.js';
import { newNodeKeySecret } from '../secrets.js';

/** A key as it may be shown: everything except the hash. */
export type NodeApiKeyRow = Omit<NodeApiKey, 'keyHash'>;

type Keys = Pick<Models, 'nodeApiKey'>;

const omit = { keyHash: true } as const;

/** The secret is in this answer only. */
export async function createNodeApiKey(
  db: Keys,
  { organizationId, name, createdBy }: { organizationId: string; name: string; createdBy?: string },
): Promise<{ apiKey: NodeApiKeyRow; secret: string }> {
  const { secret, prefix, hash } = newNodeKeySecret();
  const apiKey = await db.nodeApiKey.create({
    data: { organizationId, name, createdBy: createdBy ?? null, keyPrefix: prefix, keyHash: hash },
    omit,
  });
  return { apiKey, secret };
}

/** Newest first, revoked ones included. */
export async function listNodeApiKeys(db: Keys, organizationId: string): Promise<NodeApiKeyRow[]> {
  return db.nodeApiKey.findMany({ where: { organizationId }, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], omit });
}

/**
 * The gateways notice and close the node's socket.
 * @returns false if there is no such key, or it is revoked already
 */
export async function revokeNodeApiKey(db: Keys, organizationId: string, id: string): Promise<boolean> {
  const { count } = await db.nodeApiKey.updateMany({
    where: { id, organizationId, revokedAt: null },
    data: { revokedAt: new Date() },
  });
  return count > 0;
}

/**
 * Forgets the takeovers that blocked the key.
 * @returns undefined if there is no such key, or it is not blocked
 */
export async function unblockNodeApiKey(
  db: Keys,
  organizationId: string,
  id: string,
): Promise<NodeApiKeyRow | undefined> {
  const { count } = await db.nodeApiKey.updateMany({
    where: { id, organizationId, blockedAt: { not: null } },
    data: { blockedAt: null, blockedReason: null, takeoverCount: 0, takeoverWindowStart: null },
  });
  if (count === 0) return undefined;
  return db.nodeApiKey.findUniqueOrThrow({ where: { id, organizationId }, omit });
}
