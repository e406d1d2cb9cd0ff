/** Bearer tokens of an OpenID Connect issuer: JWTs that say whose they are, of which organisation, and in which role. */
import { createHash } from 'node:crypto';
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type RemoteJWKSet } from 'jose';
import { z } from 'zod';
import type { Database } from '../prisma/database.js';
import { findOrganizationId } from '../prisma/queries/organization.js';
import type { Principal } from '../prisma/queries/authenticate.js';

export interface OidcOptions {
  /** As it stands in the tokens' `iss`, to the letter. */
  issuer: string;
  /** What must be among the tokens' `aud`. */
  audience: string;
  /** The claim that holds the name or id of an organisation of this hive. */
  organizationClaim: string;
  /** The claim that holds `viewer` or `admin`, alone or in a list. */
  roleClaim: string;
}

/** The token gives no access; the message says why, and quotes nothing of it. */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError';
}

/** The issuer's keys can't be had, so that nothing can be said of the token. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

export interface OidcVerifier {
  /** @throws TokenRefusedError, IssuerUnavailableError */
  verify(token: string): Promise<Principal>;
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Whether the credential has the form of a JWT; no credential of the hive itself has. */
export const isJwt = (credential: string) => JWT.test(credential);

/** None that needs a shared secret: a public key must never be taken for one. */
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
  const { issuer, audience, organizationClaim, roleClaim } = options;
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
    async verify(token) {
      const claims = await verifiedClaims(token);
      const role = roleOf(claimAt(claims, roleClaim));
      if (!role) throw new TokenRefusedError(`the token's claim ${roleClaim} has neither viewer nor admin`);
      const named = claimAt(claims, organizationClaim);
      const organizationId = typeof named === 'string' && (await findOrganizationId(database, named));
      if (!organizationId) {
        throw new TokenRefusedError(`the token's claim ${organizationClaim} names no organisation of this hive`);
      }
      return { kind: 'oidc', id: subjectId(issuer, claims.sub ?? ''), organizationId, role };
    },
  };
}

function describe(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `the token's claim ${error.claim} is not accepted`;
  if (error instanceof errors.JOSEAlgNotAllowed) return "the token's algorithm is not accepted";
  return 'the credential is not valid';
}

/** By its name; else, where it has dots, by its path, as `realm_access.roles`. */
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

/** A UUID (version 8) that is always the same for a subject, as principals have one. */
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
/** After a failure the issuer is left alone for so long: each request with a token would ask it otherwise. */
const RETRY_MS = 2_000;
/** Errors that are the token's, not the issuer's. */
const TOKEN_ERRORS = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** The issuer's public keys: found by its discovery document, kept for ten minutes, asked for anew for an unknown one. */
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
      throw new IssuerUnavailableError(`the keys of ${this.#issuer} can't be had`, { cause: error });
    }
  };

  /** Unknown keys asked for while the issuer is away must not shut those out whose keys are known. */
  #findKept(token: Parameters<RemoteJWKSet>): ReturnType<RemoteJWKSet> {
    const kept = this.#set?.fresh ? this.#set.jwks() : undefined;
    if (!kept) throw new IssuerUnavailableError('the issuer failed just now');
    return createLocalJWKSet(kept)(...token);
  }

  async #discover(): Promise<RemoteJWKSet> {
    try {
      const url = `${this.#issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) throw new Error(`the discovery document is answered with ${response.status}`);
      const { issuer, jwks_uri: jwksUri } = discovery.parse(await response.json());
      if (issuer !== this.#issuer) throw new Error('the discovery document is of another issuer');
      if (!isSafeIssuerUrl(jwksUri)) throw new Error('the discovery document names keys that anybody could exchange');
      return createRemoteJWKSet(new URL(jwksUri), { timeoutDuration: TIMEOUT_MS });
    } catch (error) {
      this.#discovery = undefined; // the next one tries again
      throw error;
    }
  }
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** https, or http on this machine: whoever can change the keys on their way can be anybody. */
export function isSafeIssuerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));
}
