import { Prisma, type Queryable } from '../database.js';
import type { Role } from '../generated/client.js';
import { credentialKind, hashSecret, type CredentialKind } from '../secrets.js';

/** Who a request comes from. */
export interface Principal {
  kind: CredentialKind | 'oidc';
  /** The token's or key's; of an OpenID Connect token, one made from its subject. */
  id: string;
  organizationId: string;
  role: Role;
}

export type CredentialFault = 'unknown' | 'expired' | 'revoked' | 'blocked';

interface Row {
  id: string;
  organization_id: string;
  role: Role;
  revoked: boolean;
  expired: boolean;
  blocked: boolean;
  used_lately: boolean;
}

/** Looks a secret up; judged by the database's clock, each time anew, so that a revocation holds at once. */
export async function authenticate(db: Queryable, secret: string): Promise<Principal | CredentialFault> {
  const kind = credentialKind(secret);
  if (!kind) return 'unknown';
  const [row] = await db.$queryRaw<Row[]>(credentialByHash(kind, hashSecret(secret)));
  if (!row) return 'unknown';
  if (row.revoked) return 'revoked';
  if (row.blocked) return 'blocked';
  if (row.expired) return 'expired';
  if (!row.used_lately) await db.$executeRaw(markUsed(kind, row.id));
  return { kind, id: row.id, organizationId: row.organization_id, role: row.role };
}

const USED_LATELY = Prisma.sql`coalesce(last_used_at > now() - interval '1 minute', false)`;

function credentialByHash(kind: CredentialKind, hash: string): Prisma.Sql {
  return kind === 'api_token'
    ? Prisma.sql`
        SELECT id, organization_id, role, revoked_at IS NOT NULL AS revoked,
               coalesce(expires_at <= now(), false) AS expired, false AS blocked, ${USED_LATELY} AS used_lately
        FROM api_token WHERE token_hash = ${hash}`
    : Prisma.sql`
        SELECT id, organization_id, 'viewer' AS role, revoked_at IS NOT NULL AS revoked,
               false AS expired, blocked_at IS NOT NULL AS blocked, ${USED_LATELY} AS used_lately
        FROM node_api_key WHERE key_hash = ${hash}`;
}

function markUsed(kind: CredentialKind, id: string): Prisma.Sql {
  const table = kind === 'api_token' ? Prisma.sql`api_token` : Prisma.sql`node_api_key`;
  return Prisma.sql`UPDATE ${table} SET last_used_at = now() WHERE id = ${id}::uuid AND NOT ${USED_LATELY}`;
}
