import type { Models, Queryable } from '../database.js';
import type { ApiToken, Role } from '../generated/client.js';
import { newApiTokenSecret } from '../secrets.js';

/** A token as it may be shown: everything except the hash. */
export type ApiTokenRow = Omit<ApiToken, 'tokenHash'>;

export interface NewApiToken {
  organizationId: string;
  name: string;
  role: Role;
  /** It never expires if this is absent. */
  expiresAt?: Date;
  /** The admin who made it over the API. */
  createdBy?: string;
}

type Tokens = Pick<Models, 'apiToken'>;

/** The secret is in this answer only. */
export async function createApiToken(
  db: Queryable,
  { organizationId, name, role, expiresAt, createdBy }: NewApiToken,
): Promise<{ token: ApiTokenRow; secret: string }> {
  const { secret, prefix, hash } = newApiTokenSecret();
  const [token] = await db.$queryRaw<ApiTokenRow[]>`
    INSERT INTO api_token (id, organization_id, name, role, expires_at, created_by, token_prefix, token_hash)
    VALUES (gen_random_uuid(), ${organizationId}::uuid, ${name}, ${role}::role, ${expiresAt ?? null}, ${createdBy ?? null}::uuid, ${prefix}, ${hash})
    RETURNING id, organization_id AS "organizationId", name, role, token_prefix AS "tokenPrefix", created_by AS "createdBy",
              created_at AS "createdAt", expires_at AS "expiresAt", revoked_at AS "revokedAt", last_used_at AS "lastUsedAt"`;
  if (!token) throw new Error(`token ${name} was not written`);
  return { token, secret };
}

/** Newest first, revoked ones included. */
export async function listApiTokens(db: Tokens, organizationId: string): Promise<ApiTokenRow[]> {
  return db.apiToken.findMany({
    where: { organizationId },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    omit: { tokenHash: true },
  });
}

/** @returns false if the organisation has no such token, or it is revoked already */
export async function revokeApiToken(db: Tokens, organizationId: string, id: string): Promise<boolean> {
  const { count } = await db.apiToken.updateMany({
    where: { id, organizationId, revokedAt: null },
    data: { revokedAt: new Date() },
  });
  return count > 0;
}
