/**
 * How activities fail. The type of an ApplicationFailure is what workflows match on; it and the message hold codes and
 * ids only, for they enter a workflow's history.
 */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { NodeRequestError } from '../gateway/interface.js';
import { isTransientDatabaseError } from '../prisma/errors.js';
import { SupersededError } from '../prisma/session.js';

export type FailureType =
  /** The socket is not at this hive, or a newer session has it: look the lease up again. */
  | 'node_moved'
  /** The socket closed during the request. */
  | 'node_disconnected'
  | 'node_timeout'
  | 'node_busy'
  | 'node_error'
  | 'database_unavailable'
  /** The node does not have the attempt, or does not share it: no retry makes that better. */
  | 'attempt_not_found'
  | 'attempt_not_shared';

const NODE_FAILURES: Record<Exclude<NodeRequestError['code'], 'cancelled'>, FailureType> = {
  disconnected: 'node_disconnected',
  timeout: 'node_timeout',
  busy: 'node_busy',
  internal: 'node_error',
  protocol: 'node_error',
  not_found: 'attempt_not_found',
  not_shared: 'attempt_not_shared',
};

const EXPECTED = new Set<FailureType>(['node_moved', 'node_disconnected', 'attempt_not_found', 'attempt_not_shared']);

/** The failure that goes into the workflow's history for what an activity met; an unknown error stays itself. */
export function toFailure(error: unknown, attemptId: string): unknown {
  const type = failureType(error);
  if (type === undefined)
    return isOurs(error) ? error : fail('node_error', attemptId, 'unexpected error, see the hive log');
  return fail(type, attemptId, `${type}: attempt ${attemptId}`);
}

export function fail(
  type: FailureType,
  attemptId: string,
  message = `${type}: attempt ${attemptId}`,
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: type === 'attempt_not_found' || type === 'attempt_not_shared',
    ...(EXPECTED.has(type) && { category: ApplicationFailureCategory.BENIGN }),
  });
}

function failureType(error: unknown): FailureType | undefined {
  if (error instanceof SupersededError) return 'node_moved';
  if (error instanceof NodeRequestError) return error.code === 'cancelled' ? undefined : NODE_FAILURES[error.code];
  if (isTransientDatabaseError(error)) return 'database_unavailable';
  return undefined;
}

function isOurs(error: unknown): boolean {
  return error instanceof ApplicationFailure || (error instanceof NodeRequestError && error.code === 'cancelled');
}
