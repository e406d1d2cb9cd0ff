/**
 * How activities fail. Workflows match on the type of an ApplicationFailure. It and the message contain only codes and
 * ids because they enter the workflow's history.
 */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { NodeRequestError } from '../gateway/interface.js';
import { judgeDatabaseError } from '../prisma/errors.js';
import { SupersededError } from '../prisma/session.js';

export type FailureType =
  /** This hive does not have the socket, or a newer session has it: look up the lease again. */
  | 'node_moved'
  /** The socket closed during the request. */
  | 'node_disconnected'
  | 'node_timeout'
  | 'node_busy'
  | 'node_error'
  /** The database is away, read-only or locked: it may well work later. */
  | 'database_unavailable'
  /** The database refused what the node sent, or has a fault. */
  | 'database_error'
  /** The node does not have the attempt, or does not share it: retrying does not help. */
  | 'attempt_not_found'
  | 'attempt_not_shared'
  /** A log of the attempt is too large to be taken: it is asked for again after an hour, or when a person wants it. */
  | 'too_large';

const NODE_FAILURES: Record<Exclude<NodeRequestError['code'], 'cancelled'>, FailureType> = {
  disconnected: 'node_disconnected',
  timeout: 'node_timeout',
  busy: 'node_busy',
  internal: 'node_error',
  protocol: 'node_error',
  not_found: 'attempt_not_found',
  not_shared: 'attempt_not_shared',
  too_large: 'too_large',
};

const EXPECTED = new Set<FailureType>([
  'node_moved',
  'node_disconnected',
  'attempt_not_found',
  'attempt_not_shared',
  'too_large',
]);

/**
 * @returns what enters the workflow's history for an error of an activity; never the message of an unknown error
 */
export function toFailure(error: unknown, attemptId: string, known: KnownAtFailure = {}): unknown {
  const type = failureType(error);
  if (type !== undefined) return fail(type, attemptId, `${type}: attempt ${attemptId}`, known);
  return isOurs(error) ? error : fail('node_error', attemptId, 'unexpected error, see the hive log', known);
}

/** What the workflow needs to know of a step that has failed. */
export interface KnownAtFailure {
  /** The node's newest revision that the hive knew when it asked. */
  revision?: bigint | null;
  /** Lines that it had stored by then. */
  linesPulled?: number;
}

export function fail(
  type: FailureType,
  attemptId: string,
  message = `${type}: attempt ${attemptId}`,
  { revision, linesPulled = 0 }: KnownAtFailure = {},
): ApplicationFailure {
  const details = { ...(revision != null && { revision: String(revision) }), ...(linesPulled > 0 && { linesPulled }) };
  return ApplicationFailure.create({
    type,
    message,
    ...(Object.keys(details).length > 0 && { details: [details] }),
    nonRetryable: type === 'attempt_not_found' || type === 'attempt_not_shared',
    ...(EXPECTED.has(type) && { category: ApplicationFailureCategory.BENIGN }),
  });
}

function failureType(error: unknown): FailureType | undefined {
  if (error instanceof SupersededError) return 'node_moved';
  if (error instanceof NodeRequestError) return error.code === 'cancelled' ? undefined : NODE_FAILURES[error.code];
  const verdict = judgeDatabaseError(error);
  return verdict && (verdict.kind === 'passing' ? 'database_unavailable' : 'database_error');
}

function isOurs(error: unknown): boolean {
  return error instanceof ApplicationFailure || (error instanceof NodeRequestError && error.code === 'cancelled');
}
