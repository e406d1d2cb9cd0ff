/** Secrets of credentials: shown once, when they are made; only their SHA-256 is kept. */
import { createHash, randomBytes } from 'node:crypto';

/** How much of a secret may be shown later, to tell credentials apart. */
const PREFIX_LENGTH = 8;
const API_TOKEN = /^hive_[\w-]{43}$/;
const NODE_API_KEY = /^[0-9a-f]{64}$/;

export type CredentialKind = 'api_token' | 'node_api_key';

export interface NewSecret {
  secret: string;
  prefix: string;
  hash: string;
}

/** 256 random bits need no salt and no slow hash. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** The secret is `hive_` and 43 characters of base64url. */
export function newApiTokenSecret(): NewSecret {
  const secret = `hive_${randomBytes(32).toString('base64url')}`;
  return { secret, prefix: secret.slice(0, 'hive_'.length + PREFIX_LENGTH), hash: hashSecret(secret) };
}

/** The secret is 64 hexadecimal digits, as the original's nodes expect. */
export function newNodeKeySecret(): NewSecret {
  const secret = randomBytes(32).toString('hex');
  return { secret, prefix: secret.slice(0, PREFIX_LENGTH), hash: hashSecret(secret) };
}

/** The token is `join_` and 43 characters of base64url: no credential, for it opens nothing but one enrolment. */
export function newInviteToken(): NewSecret {
  const secret = `join_${randomBytes(32).toString('base64url')}`;
  return { secret, prefix: secret.slice(0, 'join_'.length + PREFIX_LENGTH), hash: hashSecret(secret) };
}

/** @returns what the secret's form says it is; undefined if it can't be one of ours and need not be looked up */
export function credentialKind(secret: string): CredentialKind | undefined {
  if (API_TOKEN.test(secret)) return 'api_token';
  if (NODE_API_KEY.test(secret)) return 'node_api_key';
  return undefined;
}
