/** Bearer tokens from an OpenID Connect issuer: JWTs that name their subject, its organisation and its role. */
import { createHash } from 'node:crypto';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  errors,
  jwtVerify,
  type JWTPayload,
  type RemoteJWKSet,
} from 'jose';
import { z } from 'zod';
import type { Database } from '../prisma/database.js';
import { findOrganizationId } from '../prisma/queries/organization.js';
import type { Principal } from '../prisma/queries/authenticate.js';

export interface OidcOptions {
  /** Exactly as in the tokens' `iss`. */
  issuer: string;
  /** Must be in the tokens' `aud`. */
  audience: string;
  /** The claim with the name or id of an organisation of this hive. */
  organizationClaim: string;
  /** The claim with `viewer` or `admin`, alone or in a list. */
  roleClaim: string;
}

/** The token gives no access. The message says why, and quotes nothing from the token. */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError';
}

/** The issuer's keys can't be fetched, so the token can't be checked. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

export interface OidcVerifier {
  /** @throws TokenRefusedError, IssuerUnavailableError */
  verify(token: string): Promise<Principal>;
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** @returns whether the credential looks like a JWT; the hive's own credentials never do */
export const isJwt = (credential: string) => JWT.test(credential);

/** None that needs a shared secret: otherwise a public key could be used as one. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const CLOCK_TOLERANCE_SECONDS = 30;

export function createOidcVerifier(database: Database, options: OidcOptions): OidcVerifier {
  const { issuer, audience } = options;
  const keys = new IssuerKeys(issuer);

  async function verifiedClaims(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, keys.find, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'sub'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new TokenRefusedError(describe(error), { cause: error });
      throw error;
    }
  }

  return {
    verify: async (token) => principalOfClaims(database, options, await verifiedClaims(token)),
  };
}

/**
 * @param claims of a token that has been checked: the issuer made it, for this hive, and it has not expired
 * @throws TokenRefusedError if they give no access
 */
export async function principalOfClaims(
  database: Database,
  { issuer, organizationClaim, roleClaim }: OidcOptions,
  claims: JWTPayload,
): Promise<Principal> {
  const role = roleOf(claimAt(claims, roleClaim));
  if (!role) throw new TokenRefusedError(`the token's claim ${roleClaim} has neither viewer nor admin`);
  const named = claimAt(claims, organizationClaim);
  const organizationId = typeof named === 'string' && (await findOrganizationId(database, named));
  if (!organizationId) {
    throw new TokenRefusedError(`the token's claim ${organizationClaim} names no organisation of this hive`);
  }
  const expiresAt = new Date((claims.exp ?? 0) * 1000);
  return { kind: 'oidc', id: subjectId(issuer, claims.sub ?? ''), organizationId, role, expiresAt };
}

/**
 * For a token that has been verified before, while its issuer's keys can't be had.
 * @returns whether the header carries a JWT that has expired
 */
export function hasExpired(authorization: string): boolean {
  const token = authorization.replace(/^Bearer +/i, '').trim();
  if (!isJwt(token)) return false;
  const { exp = 0 } = decodeJwt(token);
  return new Date().getTime() > (exp + CLOCK_TOLERANCE_SECONDS) * 1000;
}

function describe(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `the token's claim ${error.claim} is not accepted`;
  if (error instanceof errors.JOSEAlgNotAllowed) return "the token's algorithm is not accepted";
  return 'the credential is not valid';
}

/**
 * Looks a claim up by its name, then by its path if the name has dots, such as `realm_access.roles`.
 * @returns undefined if there is none
 */
function claimAt(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function roleOf(claim: unknown): Principal['role'] | undefined {
  const roles: unknown[] = Array.isArray(claim) ? claim : [claim];
  return (['admin', 'viewer'] as const).find((role) => roles.includes(role));
}

/** @returns a UUID (version 8), always the same for a subject, because every principal's id is a UUID */
function subjectId(issuer: string, subject: string): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const TIMEOUT_MS = 5_000;
/** How long the issuer is left alone after a failure: otherwise each request with a token would ask it. */
const RETRY_MS = 2_000;
/** Errors caused by the token, not by the issuer. */
const TOKEN_ERRORS = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });

/**
 * The issuer's public keys: found through its discovery document, kept for ten minutes, and fetched again for an
 * unknown key.
 */
class IssuerKeys {
  readonly #issuer: string;
  #discovery: Promise<RemoteJWKSet> | undefined;
  #set: RemoteJWKSet | undefined;
  #failedAt = -Infinity;

  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  readonly find = async (...token: Parameters<RemoteJWKSet>): ReturnType<RemoteJWKSet> => {
    if (performance.now() - this.#failedAt < RETRY_MS) return this.#findKept(token);
    try {
      this.#set = await (this.#discovery ??= this.#discover());
      return await this.#set(...token);
    } catch (error) {
      if (TOKEN_ERRORS.some((kind) => error instanceof kind)) throw error;
      this.#failedAt = performance.now();
      throw new IssuerUnavailableError(`the keys of ${this.#issuer} can't be fetched`, { cause: error });
    }
  };

  /** While the issuer is away, tokens with unknown keys must not shut out tokens whose keys are known. */
  #findKept(token: Parameters<RemoteJWKSet>): ReturnType<RemoteJWKSet> {
    const kept = this.#set?.fresh ? this.#set.jwks() : undefined;
    if (!kept) throw new IssuerUnavailableError('the issuer failed a moment ago');
    return createLocalJWKSet(kept)(...token);
  }

  async #discover(): Promise<RemoteJWKSet> {
    try {
      const url = `${this.#issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) throw new Error(`the discovery document's URL answered ${response.status}`);
      const { issuer, jwks_uri: jwksUri } = discovery.parse(await response.json());
      if (issuer !== this.#issuer) throw new Error('the discovery document is from another issuer');
      if (!isSafeIssuerUrl(jwksUri))
        throw new Error('the discovery document names a URL of keys that anyone could replace');
      return createRemoteJWKSet(new URL(jwksUri), { timeoutDuration: TIMEOUT_MS });
    } catch (error) {
      this.#discovery = undefined; // the next token tries again
      throw error;
    }
  }
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Whoever can change the keys in transit can impersonate anyone.
 * @returns whether the URL is https, or http on this machine
 */
export function isSafeIssuerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));
}
