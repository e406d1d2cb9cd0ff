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

/** @returns the node's newest revision that the hive knew when it asked the node; undefined if that is unknown */
export function knownRevision(error: unknown): string | undefined {
  return detailsOf(error).revision;
}

/** @returns how many lines the activity stored before it failed, as far as it could say so */
export function linesPulledBefore(error: unknown): number {
  return detailsOf(error).linesPulled ?? 0;
}

function detailsOf(error: unknown): { revision?: string; linesPulled?: number } {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return {};
  const [details] = (error.cause.details ?? []) as ({ revision?: string; linesPulled?: number } | undefined)[];
  return details ?? {};
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
