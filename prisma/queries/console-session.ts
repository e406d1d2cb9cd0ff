/** Sessions of the console: a browser that holds a secret acts as the API token, or the issuer's subject, that opened it. */
import { randomUUID } from 'node:crypto';
import { Prisma, type Queryable } from '../database.js';
import type { Role } from '../generated/client.js';
import { hashSecret, isSessionSecret, newSessionSecret } from '../secrets.js';
import type { Principal } from './authenticate.js';

/** A session that is not used ends after this long, one that is used after {@link LONGEST_DAYS}. */
const IDLE_HOURS = 12;
const LONGEST_DAYS = 7;
/** As many as one API token, or one subject of the issuer, may have at the same time. */
const MOST = 100;

export interface OpenedSession {
  id: string;
  /** What the cookie holds; in this answer only. */
  secret: string;
  /** Of the API token, or of the issuer's subject, that it acts for. */
  principalId: string;
  organizationId: string;
  role: Role;
  /** The latest that it ends, however much it is used. */
  endsAt: Date;
}

interface SessionRow extends Omit<OpenedSession, 'secret'> {
  isOfToken: boolean;
  expiresAt: Date;
  isExpired: boolean;
  isRevoked: boolean;
  usedLately: boolean;
}

export type SessionFault = 'unknown' | 'expired' | 'revoked';

/** Either of these says whom a session or a link acts for. */
export function ownerOf({ kind, id }: Principal): { apiTokenId: string | null; subjectId: string | null } {
  return kind === 'oidc' ? { apiTokenId: null, subjectId: id } : { apiTokenId: id, subjectId: null };
}

/** @param end of the credential behind the session, if it has one of its own */
export const latestEnd = (end: Date | Prisma.Sql | null) =>
  Prisma.sql`least(now() + make_interval(days => ${LONGEST_DAYS}), ${end}::timestamptz)`;
export const idleEnd = (latest: Prisma.Sql) =>
  Prisma.sql`least(now() + make_interval(hours => ${IDLE_HOURS}), ${latest})`;

/** What is told of a new session. */
export const OPENED = Prisma.sql`
  id, coalesce(api_token_id, subject_id) AS "principalId", organization_id AS "organizationId", role, ends_at AS "endsAt"`;

/**
 * Opens a session for whoever holds an API token or a token of the issuer, no longer than the latter lasts. Also removes
 * the organisation's sessions that are over.
 */
export async function openConsoleSession(db: Queryable, principal: Principal): Promise<OpenedSession> {
  const { organizationId, role, expiresAt } = principal;
  const { apiTokenId, subjectId } = ownerOf(principal);
  const { secret, hash } = newSessionSecret();
  const latest = latestEnd(expiresAt ?? null);
  const [opened] = await db.$queryRaw<Omit<OpenedSession, 'secret'>[]>`
    WITH removed AS (
      DELETE FROM console_session WHERE organization_id = ${organizationId}::uuid AND expires_at < now()
    )
    INSERT INTO console_session (id, organization_id, role, secret_hash, api_token_id, subject_id, ends_at, expires_at)
    VALUES (${randomUUID()}::uuid, ${organizationId}::uuid, ${role}::role, ${hash}, ${apiTokenId}::uuid, ${subjectId}::uuid,
            ${latest}, ${idleEnd(latest)})
    RETURNING ${OPENED}`;
  if (!opened) throw new Error('the session was not written');
  return { ...opened, secret };
}

/** Whoever opens ever more sessions ends those that were used least lately. */
export async function endSurplusSessions(
  db: Queryable,
  { id, organizationId, principalId }: OpenedSession,
): Promise<void> {
  await db.$executeRaw`
    DELETE FROM console_session WHERE id IN (
      SELECT id FROM console_session
      WHERE organization_id = ${organizationId}::uuid AND coalesce(api_token_id, subject_id) = ${principalId}::uuid
      ORDER BY id = ${id}::uuid DESC, last_used_at DESC, created_at DESC OFFSET ${MOST})`;
}

/** Looks a session up afresh each time, as credentials are; using it keeps it from expiring. */
export async function authenticateSession(
  db: Queryable,
  secret: string,
  { isUse }: { isUse: boolean },
): Promise<Principal | SessionFault> {
  if (!isSessionSecret(secret)) return 'unknown';
  const [row] = await db.$queryRaw<SessionRow[]>`
    SELECT session.id, session.organization_id AS "organizationId", session.role, session.ends_at AS "endsAt",
           coalesce(session.api_token_id, session.subject_id) AS "principalId",
           session.api_token_id IS NOT NULL AS "isOfToken",
           least(session.expires_at, token.expires_at) AS "expiresAt",
           least(session.expires_at, token.expires_at) <= now() AS "isExpired",
           token.revoked_at IS NOT NULL AS "isRevoked",
           session.last_used_at > now() - interval '1 minute' AS "usedLately"
    FROM console_session session LEFT JOIN api_token token ON token.id = session.api_token_id
    WHERE session.secret_hash = ${hashSecret(secret)}`;
  if (!row) return 'unknown';
  if (row.isRevoked) return 'revoked';
  if (row.isExpired) return 'expired';
  if (isUse && !row.usedLately) await renew(db, row.id);
  const { principalId: id, organizationId, role, expiresAt } = row;
  return { kind: row.isOfToken ? 'api_token' : 'oidc', id, organizationId, role, expiresAt };
}

async function renew(db: Queryable, id: string): Promise<void> {
  await db.$executeRaw`
    UPDATE console_session SET last_used_at = now(), expires_at = ${idleEnd(Prisma.sql`ends_at`)} WHERE id = ${id}::uuid`;
}

/** @returns the id of the session that is over now; undefined if there is none */
export async function endConsoleSession(db: Queryable, secret: string): Promise<string | undefined> {
  if (!isSessionSecret(secret)) return undefined;
  const [ended] = await db.$queryRaw<{ id: string }[]>`
    DELETE FROM console_session WHERE secret_hash = ${hashSecret(secret)} RETURNING id`;
  return ended?.id;
}
