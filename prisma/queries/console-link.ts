/** Links that sign a browser in to the console once, as whoever made them, so that nobody has to type a token. */
import { randomUUID } from 'node:crypto';
import { Prisma, type Queryable } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import { hashSecret, newLinkToken, newSessionSecret } from '../secrets.js';
import type { Principal } from './authenticate.js';
import { idleEnd, latestEnd, OPENED, ownerOf, type OpenedSession } from './console-session.js';

/** How long a link is good for. */
const GOOD_MINUTES = 5;
/** How long a link that is over is still known, so that whoever follows it again is told that it has been used. */
const KEPT_HOURS = 24;

export type LinkFault = 'unknown' | 'used' | 'expired';

/** The token is in this answer only. The session that it opens is as its maker's, and ends with the maker's credential. */
export async function createConsoleLink(
  scope: OrganizationScope,
  principal: Principal,
): Promise<{ id: string; token: string; expiresAt: Date }> {
  const { apiTokenId, subjectId } = ownerOf(principal);
  // an API token's own end is looked up whenever its session is used
  const sessionEndsAt = principal.kind === 'oidc' ? (principal.expiresAt ?? null) : null;
  const { secret, hash } = newLinkToken();
  const [link] = await scope.query<{ id: string; expiresAt: Date }>(Prisma.sql`
    WITH removed AS (
      DELETE FROM console_link
      WHERE organization_id = ${scope.organizationId}::uuid AND expires_at < now() - make_interval(hours => ${KEPT_HOURS})
    )
    INSERT INTO console_link (id, organization_id, role, token_hash, api_token_id, subject_id, session_ends_at, expires_at)
    VALUES (${randomUUID()}::uuid, ${scope.organizationId}::uuid, ${principal.role}::role, ${hash}, ${apiTokenId}::uuid,
            ${subjectId}::uuid, ${sessionEndsAt}, now() + make_interval(mins => ${GOOD_MINUTES}))
    RETURNING id, expires_at AS "expiresAt"`);
  if (!link) throw new Error('the link was not written');
  return { ...link, token: secret };
}

/** Its maker's token must not be over. */
const IS_GOOD = Prisma.sql`
  link.used_at IS NULL AND link.expires_at > now() AND NOT EXISTS (
    SELECT FROM api_token token
    WHERE token.id = link.api_token_id AND (token.revoked_at IS NOT NULL OR token.expires_at <= now()))`;

/** Trades a link for a session. One statement does both, so that of several browsers with one link exactly one gets in. */
export async function followConsoleLink(db: Queryable, token: string): Promise<OpenedSession | LinkFault> {
  const tokenHash = hashSecret(token);
  const { secret, hash } = newSessionSecret();
  const latest = latestEnd(Prisma.sql`session_ends_at`);
  const [opened] = await db.$queryRaw<Omit<OpenedSession, 'secret'>[]>`
    WITH followed AS (
      UPDATE console_link link SET used_at = now() WHERE link.token_hash = ${tokenHash} AND ${IS_GOOD}
      RETURNING link.organization_id, link.role, link.api_token_id, link.subject_id, link.session_ends_at
    )
    INSERT INTO console_session (id, organization_id, role, secret_hash, api_token_id, subject_id, ends_at, expires_at)
    SELECT ${randomUUID()}::uuid, organization_id, role, ${hash}, api_token_id, subject_id, ${latest}, ${idleEnd(latest)}
    FROM followed
    RETURNING ${OPENED}`;
  if (opened) return { ...opened, secret };
  const [found] = await db.$queryRaw<{ isUsed: boolean }[]>`
    SELECT used_at IS NOT NULL AS "isUsed" FROM console_link WHERE token_hash = ${tokenHash}`;
  if (!found) return 'unknown';
  return found.isUsed ? 'used' : 'expired';
}
