/** Every error that the API answers with: a code for programs, a title and an HTTP status, as RFC 9457 problem+json. */
import type { Response } from 'express';
import { TemporalUnavailableError } from '../backfills/temporal-door.js';
import { judgeDatabaseError } from '../prisma/errors.js';
import { IssuerUnavailableError, TokenRefusedError } from './oidc.js';

export const PROBLEMS = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_json: { status: 400, title: 'The body is not JSON' },
  invalid_cursor: { status: 400, title: 'The cursor is not valid' },
  unauthenticated: { status: 401, title: 'A valid credential is needed' },
  forbidden: { status: 403, title: 'The credential does not allow this' },
  cross_site_request: { status: 403, title: 'The request does not come from the console' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  conflict: { status: 409, title: 'The state does not allow this' },
  precondition_failed: { status: 412, title: 'The content is not the one that was wanted' },
  body_too_large: { status: 413, title: 'The body is too large' },
  range_not_satisfiable: { status: 416, title: 'The file ends before the range' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  upgrade_required: { status: 426, title: 'A WebSocket is needed' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  header_too_large: { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'Something went wrong' },
  log_damaged: { status: 500, title: 'Stored log lines are damaged' },
  issuer_unavailable: { status: 503, title: 'The issuer of the token does not answer' },
  temporal_unavailable: { status: 503, title: 'Temporal does not answer' },
  database_unavailable: { status: 503, title: 'The database is not available' },
  too_many_streams: { status: 503, title: 'Too many open streams' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
export const PROBLEM_CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

/** What is wrong with one field of the request. */
export interface FieldFault {
  /** Where the field is. */
  in: 'path' | 'query' | 'body' | 'header';
  field: string;
  message: string;
}

interface ProblemExtras {
  errors?: FieldFault[];
  headers?: Record<string, string>;
  /** Further members of the response: ids, counts and positions, never content. */
  members?: Record<string, string | number>;
}

/** An error that the client is told about. `message` says what is wrong or what to do, and quotes no content. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  constructor(
    readonly code: ProblemCode,
    message: string,
    readonly extras: ProblemExtras = {},
  ) {
    super(message);
    this.status = PROBLEMS[code].status;
  }
}

export const notFound = (what: string) => new ApiError('not_found', `${what} not found`);

export function invalidCursor(
  message = 'is not a cursor from this API',
  place: Omit<FieldFault, 'message'> = { in: 'query', field: 'cursor' },
): ApiError {
  return new ApiError('invalid_cursor', `${place.field}: ${message}`, { errors: [{ ...place, message }] });
}

/** @param sent whether the request carried a credential at all */
export function unauthenticated(message: string, { sent }: { sent: boolean }): ApiError {
  const challenge = `Bearer realm="hivesync"${sent ? ', error="invalid_token"' : ''}`;
  return new ApiError('unauthenticated', message, { headers: { 'www-authenticate': challenge } });
}

/** Translates an error of any kind: one that is not meant for the client becomes `internal`. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TokenRefusedError) return unauthenticated(error.message, { sent: true });
  // Before the database: the cause of these two can look like a lost connection to the database.
  if (error instanceof IssuerUnavailableError)
    return unavailable('issuer_unavailable', 'the issuer of the token does not answer', 5);
  if (error instanceof TemporalUnavailableError)
    return unavailable('temporal_unavailable', 'Temporal does not answer', 5);
  const verdict = judgeDatabaseError(error);
  if (verdict?.kind === 'passing') return unavailable('database_unavailable', verdict.meaning, 2);
  return fromHttpError(error) ?? new ApiError('internal', 'the hive failed to answer; its log has the reason');
}

function unavailable(code: ProblemCode, what: string, retryAfterSeconds: number): ApiError {
  return new ApiError(code, `${what}; try again later`, {
    headers: { 'retry-after': String(retryAfterSeconds) },
  });
}

/**
 * Translates errors of Express and its body parser, which carry a status and a type.
 * @returns undefined if it is none of them
 */
function fromHttpError(error: unknown): ApiError | undefined {
  const { type, status } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  if (type === 'entity.too.large') return new ApiError('body_too_large', 'the body is larger than 64 KiB');
  if (type === 'entity.parse.failed') return new ApiError('invalid_json', 'the body is not valid JSON');
  if (status === 415) return new ApiError('unsupported_media_type', 'the body must be application/json in UTF-8');
  if (status === 400) return new ApiError('invalid_request', 'the request is malformed');
  return undefined;
}

/** What a handler may have said about the answer that it could not give. */
const OF_CONTENT = [
  'accept-ranges',
  'content-disposition',
  'content-encoding',
  'content-length',
  'content-location',
  'content-range',
  'etag',
];

/** Sends the error as the response. `error` is the only member that the original hive's clients read. */
export function sendProblem(response: Response, error: ApiError): void {
  const { errors, headers = {}, members = {} } = error.extras;
  const { title } = PROBLEMS[error.code];
  for (const name of OF_CONTENT) response.removeHeader(name);
  response
    .status(error.status)
    .set({ 'cache-control': 'no-store', ...headers })
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: `urn:hivesync:problem:${error.code}`,
        title,
        status: error.status,
        detail: error.message,
        code: error.code,
        error: error.message,
        request_id: response.getHeader('x-request-id') ?? null,
        ...(errors && { errors }),
        ...members,
      }),
    );
}
