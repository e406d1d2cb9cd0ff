/** Secrets of credentials: shown once, when they are made; only their SHA-256 is kept. A webhook's secret is kept itself. */
import { createHash, randomBytes } from 'node:crypto';

/** How much of a secret may be shown later, to tell credentials apart. */
const PREFIX_LENGTH = 8;
const API_TOKEN = /^hive_[\w-]{43}$/;
const NODE_API_KEY = /^[0-9a-f]{64}$/;
const SESSION_SECRET = /^[\w-]{43}$/;

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

/** What a browser's cookie holds: 43 characters of base64url. No credential of the API: a header can't carry it. */
export function newSessionSecret(): Pick<NewSecret, 'secret' | 'hash'> {
  const secret = randomBytes(32).toString('base64url');
  return { secret, hash: hashSecret(secret) };
}

/** What a link to the console carries: `link_` and 43 characters of base64url. It opens one session. */
export function newLinkToken(): Pick<NewSecret, 'secret' | 'hash'> {
  const secret = `link_${randomBytes(32).toString('base64url')}`;
  return { secret, hash: hashSecret(secret) };
}

/** @returns whether it can be one of ours; otherwise it need not be looked up */
export function isSessionSecret(secret: string): boolean {
  return SESSION_SECRET.test(secret);
}

/** @returns what the secret's form says it is; undefined if it can't be one of ours and need not be looked up */
export function credentialKind(secret: string): CredentialKind | undefined {
  if (API_TOKEN.test(secret)) return 'api_token';
  if (NODE_API_KEY.test(secret)) return 'node_api_key';
  return undefined;
}

/**
 * A webhook's secret, in the form of Standard Webhooks: `whsec_` and 32 bytes of base64. It signs what is sent, so it is
 * kept itself and not its hash.
 */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}
