import type { Queryable } from '../database.js';
import type { ApiToken, Role } from '../generated/client.js';
import { newApiTokenSecret } from '../secrets.js';

/** A token as it may be shown: all but the hash. */
export type ApiTokenRow = Omit<ApiToken, 'tokenHash'>;

export interface NewApiToken {
  organizationId: string;
  name: string;
  role: Role;
  /** Never, if not given. */
  expiresAt?: Date;
}

const omit = { tokenHash: true } as const;

/** The secret is in this answer only. */
export async function createApiToken(
  db: Queryable,
  { organizationId, name, role, expiresAt }: NewApiToken,
): Promise<{ token: ApiTokenRow; secret: string }> {
  const { secret, prefix, hash } = newApiTokenSecret();
  const token = await db.apiToken.create({
    data: { organizationId, name, role, expiresAt: expiresAt ?? null, tokenPrefix: prefix, tokenHash: hash },
    omit,
  });
  return { token, secret };
}

/** Newest first, revoked ones included. */
export async function listApiTokens(db: Queryable, organizationId: string): Promise<ApiTokenRow[]> {
  return db.apiToken.findMany({ where: { organizationId }, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], omit });
}

/** False when the organisation has no such token that is not revoked yet. */
export async function revokeApiToken(db: Queryable, organizationId: string, id: string): Promise<boolean> {
  const { count } = await db.apiToken.updateMany({
    where: { id, organizationId, revokedAt: null },
    data: { revokedAt: new Date() },
  });
  return count > 0;
}
