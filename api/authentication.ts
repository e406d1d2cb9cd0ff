import type { Request } from 'express';
import type { Database } from '../prisma/database.js';
import { authenticate, type CredentialFault, type Principal } from '../prisma/queries/authenticate.js';
import { authenticateSession, type SessionFault } from '../prisma/queries/console-session.js';
import { isJwt, type OidcVerifier } from './oidc.js';
import type { Access } from './route.js';
import { ApiError, unauthenticated } from './problem.js';
import { sessionSecretOf } from './session/cookie.js';
import { isUse } from './session/is-use.js';
import { requireFromConsole } from './session/same-origin.js';

const BEARER = /^Bearer +(\S{1,8192}) *$/i;

const FAULTS: Record<CredentialFault, string> = {
  unknown: 'the credential is not valid',
  expired: 'the token has expired',
  revoked: 'the credential has been revoked',
  blocked: 'the API key is blocked; an admin can unblock it',
};

const SESSION_FAULTS: Record<SessionFault, string> = {
  unknown: 'the session is over; sign in again',
  expired: 'the session has expired; sign in again',
  revoked: 'the token behind the session has been revoked',
};

interface Authenticators {
  database: Database;
  oidc?: OidcVerifier;
}

/**
 * By the Authorization header, or without one by the console's cookie.
 * @param canBeUse whether it may keep a session from ending: not when an answer that takes long is only checked again
 * @returns who the request comes from
 * @throws an error that toApiError translates into `unauthenticated`, which says what is wrong with the credential
 * @throws ApiError cross_site_request if the cookie may have been sent for a page of another site
 */
export async function authenticateRequest(
  deps: Authenticators,
  request: Request,
  { canBeUse = true }: { canBeUse?: boolean } = {},
): Promise<Principal> {
  const header = request.headers.authorization;
  if (header !== undefined) return authenticateBearer(deps, BEARER.exec(header)?.[1]);
  const session = sessionSecretOf(request);
  if (session === undefined) {
    throw unauthenticated('send `Authorization: Bearer` with an API token', { sent: false });
  }
  requireFromConsole(request);
  const result = await authenticateSession(deps.database, session, { isUse: canBeUse && isUse(request) });
  if (typeof result !== 'string') return result;
  throw unauthenticated(SESSION_FAULTS[result], { sent: true });
}

/** @returns whether it brings any credential, good or not */
export function hasCredential(request: Request): boolean {
  return request.headers.authorization !== undefined || sessionSecretOf(request) !== undefined;
}

/**
 * @param secret an API token, a node's key, or a token of the issuer; undefined if the header holds none
 * @throws as {@link authenticateRequest} does
 */
export async function authenticateBearer({ database, oidc }: Authenticators, secret: string | undefined) {
  if (oidc && secret !== undefined && isJwt(secret)) return oidc.verify(secret);
  const result = secret === undefined ? 'unknown' : await authenticate(database, secret);
  if (typeof result !== 'string') return result;
  throw unauthenticated(FAULTS[result], { sent: true });
}

/**
 * Requires the parts of a request that name an organisation to name the caller's own. One that does not exist is
 * answered like another one, in the original hive's words.
 * @throws ApiError forbidden
 */
export function requireOwnOrganization(organizationId: string, parts: unknown[]): void {
  for (const part of parts) {
    const named = (part as { organization_id?: string } | undefined)?.organization_id;
    if (named !== undefined && named !== organizationId)
      throw new ApiError('forbidden', 'Not a member of organization');
  }
}

/** @throws ApiError forbidden */
export function requireAccess(principal: Principal, access: Access): void {
  if (access === 'admin' && principal.role !== 'admin') {
    throw new ApiError('forbidden', 'this needs a token with the admin role');
  }
}
