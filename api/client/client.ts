/** A client of the HTTP API whose paths, fields and responses come from its OpenAPI document. */
import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './openapi.js';

export type HiveClient = Client<paths, 'application/json'>;
export type Schemas = components['schemas'];

/** The hive refused a request or could not answer it. */
export class HiveApiError extends Error {
  override readonly name = 'HiveApiError';
  constructor(
    readonly status: number,
    /** The problem's code; undefined if the response did not come from the hive. */
    readonly code: string | undefined,
    message: string,
    /** How long the hive asks to be left alone, as whole seconds; undefined if it does not say. */
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

/** @returns what the response's Retry-After says, in seconds from now */
export function retryAfterOf({ headers }: Response): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - new Date().getTime()) / 1000);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** No hive responds at the address. */
export class HiveUnreachableError extends Error {
  override readonly name = 'HiveUnreachableError';
  readonly code = 'hive_unreachable';
}

export interface HiveAddress {
  url: string;
  /** An API token, or a token from the hive's OpenID Connect issuer. */
  token: string;
}

export function createHiveClient({ url, token }: HiveAddress): HiveClient {
  const client = createClient<paths, 'application/json'>({
    baseUrl: url.replace(/\/+$/, ''),
    headers: { authorization: `Bearer ${token}` },
  });
  client.use({
    onError: ({ error }) => new HiveUnreachableError(`no hive answers at ${url}${why(error)}`, { cause: error }),
  });
  return client;
}

/** What fetch hides in its cause: ECONNREFUSED, ENOTFOUND, a certificate that is not trusted. */
function why(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? ` (${code})` : '';
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

const NO_HIVE = 'what answers there is no hive: check the address';

/** @returns the body of a successful response @throws HiveApiError, HiveUnreachableError */
export async function bodyOf<T>(answering: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answering.catch((failure: unknown) => {
    throw failure instanceof SyntaxError ? new HiveApiError(200, undefined, NO_HIVE) : failure;
  });
  if (response.ok) return data as T; // with 204 there is none, and no caller uses it
  const { code, detail } = (typeof error === 'object' && error !== null ? error : {}) as Partial<Schemas['Problem']>;
  const message = response.status === 404 ? NO_HIVE : `the hive answered ${response.status}`; // of those without a problem
  throw new HiveApiError(response.status, code, detail ?? message, retryAfterOf(response));
}
