/** Why an activity has failed, as the workflow that ran it sees it. */
import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';

/** @returns whether no worker has taken the activity in time */
export function hasNotStarted(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === 'SCHEDULE_TO_START'
  );
}

/**
 * @returns the failure's type or what timed out, never its message
 * @throws the error itself if it is not an activity's
 */
export function failureCode(error: unknown): string {
  if (!(error instanceof ActivityFailure)) throw error;
  if (isCancellation(error)) return 'node_moved'; // its hive is stopping; this workflow was not cancelled
  if (error.cause instanceof ApplicationFailure) return error.cause.type ?? 'unknown';
  if (error.cause instanceof TimeoutFailure) return `timeout_${error.cause.timeoutType?.toLowerCase() ?? 'unknown'}`;
  return 'unknown';
}
