/** Invitations: one-time tokens with which a machine gets a key of its own, so that nobody has to carry a key to it. */
import { randomUUID } from 'node:crypto';
import { Prisma, type Queryable } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import { hashSecret, newInviteToken, newNodeKeySecret } from '../secrets.js';

/** How long an invitation that is over can still be seen. */
const KEPT_DAYS = 30;
const LISTED = 1000;

/** An invitation as it may be shown: everything except the hash. */
export interface NodeInviteRow {
  id: string;
  tokenPrefix: string;
  createdBy: string | null;
  createdAt: Date;
  expiresAt: Date;
  usedAt: Date | null;
  /** The key that was made for the machine that used it. */
  apiKeyId: string | null;
  isExpired: boolean;
}

const COLUMNS = Prisma.sql`
  id, token_prefix AS "tokenPrefix", created_by AS "createdBy", created_at AS "createdAt", expires_at AS "expiresAt",
  used_at AS "usedAt", api_key_id AS "apiKeyId", expires_at <= now() AS "isExpired"`;

/** The token is in this answer only. Also removes the organisation's invitations that have long been over. */
export async function createNodeInvite(
  scope: OrganizationScope,
  { createdBy, ttlSeconds }: { createdBy: string; ttlSeconds: number },
): Promise<{ invite: NodeInviteRow; token: string }> {
  const { secret, prefix, hash } = newInviteToken();
  const [invite] = await scope.query<NodeInviteRow>(Prisma.sql`
    WITH removed AS (
      DELETE FROM node_invite
      WHERE organization_id = ${scope.organizationId}::uuid AND expires_at < now() - make_interval(days => ${KEPT_DAYS})
    )
    INSERT INTO node_invite (id, organization_id, token_prefix, token_hash, created_by, expires_at)
    VALUES (${randomUUID()}::uuid, ${scope.organizationId}::uuid, ${prefix}, ${hash}, ${createdBy}::uuid,
            now() + make_interval(secs => ${ttlSeconds}))
    RETURNING ${COLUMNS}`);
  if (!invite) throw new Error('the invitation was not written');
  return { invite, token: secret };
}

/** Newest first, those that are used or expired included. */
export async function listNodeInvites(scope: OrganizationScope): Promise<NodeInviteRow[]> {
  return scope.query<NodeInviteRow>(Prisma.sql`
    SELECT ${COLUMNS} FROM node_invite WHERE organization_id = ${scope.organizationId}::uuid
    ORDER BY created_at DESC, id LIMIT ${LISTED}`);
}

/**
 * Withdraws an invitation. A key that was made by it stays.
 * @returns false if the organisation has none with this id
 */
export async function deleteNodeInvite(scope: OrganizationScope, id: string): Promise<boolean> {
  const deleted = await scope.execute(Prisma.sql`
    DELETE FROM node_invite WHERE id = ${id}::uuid AND organization_id = ${scope.organizationId}::uuid`);
  return deleted > 0;
}

export interface EnrolledNode {
  inviteId: string;
  organizationId: string;
  apiKeyId: string;
  /** The key's secret, in this answer only. */
  secret: string;
}

export type InviteFault = 'unknown' | 'used' | 'expired';

/**
 * Trades an invitation for a key that only this machine can use. One statement does both, so that of several machines
 * with one token exactly one gets a key, and a token is never spent without one.
 */
export async function enrollNode(
  db: Queryable,
  { token, machineId, name }: { token: string; machineId: string; name: string },
): Promise<EnrolledNode | InviteFault> {
  const tokenHash = hashSecret(token);
  const { secret, prefix, hash } = newNodeKeySecret();
  const apiKeyId = randomUUID();
  const [enrolled] = await db.$queryRaw<Pick<EnrolledNode, 'inviteId' | 'organizationId'>[]>`
    WITH invite AS (
      UPDATE node_invite SET used_at = now(), api_key_id = ${apiKeyId}::uuid
      WHERE token_hash = ${tokenHash} AND used_at IS NULL AND expires_at > now()
      RETURNING id, organization_id, created_by
    )
    INSERT INTO node_api_key (id, organization_id, name, key_prefix, key_hash, machine_id, created_by)
    SELECT ${apiKeyId}::uuid, organization_id, ${name}, ${prefix}, ${hash}, ${machineId}, created_by FROM invite
    RETURNING (SELECT id FROM invite) AS "inviteId", organization_id AS "organizationId"`;
  if (enrolled) return { ...enrolled, apiKeyId, secret };
  const [found] = await db.$queryRaw<{ isUsed: boolean }[]>`
    SELECT used_at IS NOT NULL AS "isUsed" FROM node_invite WHERE token_hash = ${tokenHash}`;
  if (!found) return 'unknown';
  return found.isUsed ? 'used' : 'expired';
}
