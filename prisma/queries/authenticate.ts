import { Prisma, type Queryable } from '../database.js';
import type { Role } from '../generated/client.js';
import { credentialKind, hashSecret, type CredentialKind } from '../secrets.js';

/** Who a request comes from. */
export interface Principal {
  kind: CredentialKind | 'oidc';
  /** The id of the token or key; for an OpenID Connect token, an id made from its subject. */
  id: string;
  organizationId: string;
  role: Role;
  /** When it ends by itself: of a token of an issuer, and of a session of the console. */
  expiresAt?: Date;
}

export type CredentialFault = 'unknown' | 'expired' | 'revoked' | 'blocked';

interface CredentialRow {
  id: string;
  organizationId: string;
  role: Role;
  isRevoked: boolean;
  isExpired: boolean;
  isBlocked: boolean;
  usedLately: boolean;
}

/** Looks a secret up afresh each time, by the database's clock, so that a revocation takes effect at once. */
export async function authenticate(db: Queryable, secret: string): Promise<Principal | CredentialFault> {
  const kind = credentialKind(secret);
  if (!kind) return 'unknown';
  const [row] = await db.$queryRaw<CredentialRow[]>(credentialByHash(kind, hashSecret(secret)));
  if (!row) return 'unknown';
  if (row.isRevoked) return 'revoked';
  if (row.isBlocked) return 'blocked';
  if (row.isExpired) return 'expired';
  if (!row.usedLately) await db.$executeRaw(markUsed(kind, row.id));
  return { kind, id: row.id, organizationId: row.organizationId, role: row.role };
}

const USED_LATELY = Prisma.sql`coalesce(last_used_at > now() - interval '1 minute', false)`;

function credentialByHash(kind: CredentialKind, hash: string): Prisma.Sql {
  return kind === 'api_token'
    ? Prisma.sql`
        SELECT id, organization_id AS "organizationId", role, revoked_at IS NOT NULL AS "isRevoked",
               coalesce(expires_at <= now(), false) AS "isExpired", false AS "isBlocked", ${USED_LATELY} AS "usedLately"
        FROM api_token WHERE token_hash = ${hash}`
    : Prisma.sql`
        SELECT id, organization_id AS "organizationId", 'viewer' AS role, revoked_at IS NOT NULL AS "isRevoked",
               false AS "isExpired", blocked_at IS NOT NULL AS "isBlocked", ${USED_LATELY} AS "usedLately"
        FROM node_api_key WHERE key_hash = ${hash}`;
}

function markUsed(kind: CredentialKind, id: string): Prisma.Sql {
  const table = kind === 'api_token' ? Prisma.sql`api_token` : Prisma.sql`node_api_key`;
  return Prisma.sql`UPDATE ${table} SET last_used_at = now() WHERE id = ${id}::uuid AND NOT ${USED_LATELY}`;
}
