import type { Request } from 'express';
import type { Database } from '../prisma/database.js';
import { authenticate, type CredentialFault, type Principal } from '../prisma/queries/authenticate.js';
import { isJwt, type OidcVerifier } from './oidc.js';
import type { Access } from './route.js';
import { ApiError, unauthenticated } from './problem.js';

const BEARER = /^Bearer +(\S{1,8192}) *$/i;

const FAULTS: Record<CredentialFault, string> = {
  unknown: 'the credential is not valid',
  expired: 'the token has expired',
  revoked: 'the credential has been revoked',
  blocked: 'the API key is blocked; an admin can unblock it',
};

/**
 * @returns who the request comes from
 * @throws an error that toApiError translates into `unauthenticated`, which says what is wrong with the credential
 */
export async function authenticateRequest(
  { database, oidc }: { database: Database; oidc?: OidcVerifier },
  request: Request,
): Promise<Principal> {
  const header = request.headers.authorization;
  if (header === undefined) throw unauthenticated('send `Authorization: Bearer` with an API token', { sent: false });
  const secret = BEARER.exec(header)?.[1];
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
