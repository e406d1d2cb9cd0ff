import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { isSafeIssuerUrl, type OidcOptions } from '../api/oidc.js';
import type { OidcClientOptions } from '../api/session/oidc-sign-in.js';
import { ConfigError } from './config-error.js';
import { systemCode } from './embedded/errors.js';

/** The OpenID Connect part of the environment. */
export const oidcEnvironment = {
  HIVE_OIDC_ISSUER: z
    .string()
    .refine(isSafeIssuerUrl, { error: 'an https:// URL, or an http:// URL on this machine' })
    .optional(),
  HIVE_OIDC_AUDIENCE: z.string().optional(),
  HIVE_OIDC_ORGANIZATION_CLAIM: z.string().default('organization'),
  HIVE_OIDC_ROLE_CLAIM: z.string().default('role'),
  HIVE_OIDC_CLIENT_ID: z.string().optional(),
  HIVE_OIDC_CLIENT_SECRET: z.string().optional(),
  HIVE_OIDC_CLIENT_SECRET_FILE: z.string().optional(),
  HIVE_OIDC_SCOPE: z
    .string()
    .refine((scope) => scope.split(/\s+/).includes('openid'), { error: 'names separated by spaces, openid among them' })
    .default('openid'),
};

type Environment = z.infer<z.ZodObject<typeof oidcEnvironment>>;

export interface OidcConfig {
  /** Whose tokens are accepted besides the hive's own; if absent, nobody's. */
  readonly oidc?: OidcOptions;
  /** What the hive is at that issuer, where people sign in to the console; if absent, they can't. Contains a secret. */
  readonly oidcClient?: OidcClientOptions;
}

/** @throws {ConfigError} */
export function readOidc(values: Environment): OidcConfig {
  const { HIVE_OIDC_ISSUER: issuer, HIVE_OIDC_AUDIENCE: audience, HIVE_OIDC_CLIENT_ID: clientId } = values;
  const { HIVE_OIDC_ORGANIZATION_CLAIM: organizationClaim, HIVE_OIDC_ROLE_CLAIM: roleClaim } = values;
  const onlyWithIssuer = 'only together with HIVE_OIDC_ISSUER';
  if (issuer === undefined) {
    if (audience !== undefined) throw new ConfigError('HIVE_OIDC_AUDIENCE', audience, onlyWithIssuer);
    if (clientId !== undefined) throw new ConfigError('HIVE_OIDC_CLIENT_ID', clientId, onlyWithIssuer);
  }
  const clientSecret = readClientSecret(values);
  if (issuer === undefined) return {};
  // without an audience, the hive would accept tokens that the issuer made for any other program
  if (audience === undefined)
    throw new ConfigError('HIVE_OIDC_AUDIENCE', '', "the value of `aud` in the issuer's tokens");
  return {
    oidc: { issuer, audience, organizationClaim, roleClaim },
    ...(clientId !== undefined && {
      oidcClient: { clientId, scope: values.HIVE_OIDC_SCOPE, ...(clientSecret !== undefined && { clientSecret }) },
    }),
  };
}

function readClientSecret(values: Environment): string | undefined {
  const { HIVE_OIDC_CLIENT_ID: clientId, HIVE_OIDC_CLIENT_SECRET: secret } = values;
  const file = values.HIVE_OIDC_CLIENT_SECRET_FILE;
  if (secret === undefined && file === undefined) return undefined;
  const given = secret === undefined ? 'HIVE_OIDC_CLIENT_SECRET_FILE' : 'HIVE_OIDC_CLIENT_SECRET';
  if (clientId === undefined) throw new ConfigError(given, undefined, 'only together with HIVE_OIDC_CLIENT_ID');
  if (file === undefined) return secret;
  if (secret !== undefined) throw new ConfigError(given, undefined, 'either this or HIVE_OIDC_CLIENT_SECRET_FILE');
  const content = readSecretFile(file);
  if (content === '') throw new ConfigError('HIVE_OIDC_CLIENT_SECRET_FILE', file, 'a file that is not empty');
  return content;
}

function readSecretFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const allowed = `a file that can be read (${systemCode(error) ?? 'unknown'})`;
    throw new ConfigError('HIVE_OIDC_CLIENT_SECRET_FILE', file, allowed);
  }
}
