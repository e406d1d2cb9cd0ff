import type { Request } from 'express';
import type { Database } from '../prisma/database.js';
import { authenticate, type CredentialFault, type Principal } from '../prisma/queries/authenticate.js';
import { IssuerUnavailableError, isJwt, TokenRefusedError, type OidcVerifier } from './oidc.js';
import type { Access } from './route.js';
import { ApiError } from './problem.js';

const BEARER = /^Bearer +(\S{1,8192}) *$/i;

const FAULTS: Record<CredentialFault, string> = {
  unknown: 'the credential is not valid',
  expired: 'the token has expired',
  revoked: 'the credential has been revoked',
  blocked: 'the API key is blocked; an admin can unblock it',
};

/** Who the request comes from. @throws ApiError unauthenticated, naming what is wrong with the credential */
export async function authenticateRequest(
  { database, oidc }: { database: Database; oidc?: OidcVerifier },
  request: Request,
): Promise<Principal> {
  const header = request.headers.authorization;
  if (header === undefined) throw unauthenticated('send `Authorization: Bearer` with an API token', '');
  const secret = BEARER.exec(header)?.[1];
  if (oidc && secret !== undefined && isJwt(secret)) return verifyToken(oidc, secret);
  const result = secret === undefined ? 'unknown' : await authenticate(database, secret);
  if (typeof result !== 'string') return result;
  throw unauthenticated(FAULTS[result], ', error="invalid_token"');
}

async function verifyToken(oidc: OidcVerifier, token: string): Promise<Principal> {
  try {
    return await oidc.verify(token);
  } catch (error) {
    if (error instanceof TokenRefusedError) throw unauthenticated(error.message, ', error="invalid_token"');
    if (!(error instanceof IssuerUnavailableError)) throw error;
    throw new ApiError('issuer_unavailable', 'the issuer of the token does not answer; try again later', {
      headers: { 'retry-after': '5' },
    });
  }
}

function unauthenticated(message: string, parameters: string): ApiError {
  return new ApiError('unauthenticated', message, {
    headers: { 'www-authenticate': `Bearer realm="hivesync"${parameters}` },
  });
}

/** @throws ApiError forbidden */
export function requireAccess(principal: Principal, access: Access): void {
  if (access === 'admin' && principal.role !== 'admin') {
    throw new ApiError('forbidden', 'this needs a token with the role admin');
  }
}
