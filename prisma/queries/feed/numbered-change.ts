import type { ExecutionStatus, SyncState } from '../../../protocol/frames.js';

/** An attempt as the feed knows it. */
export interface FeedState {
  /** `running` if one of its executions runs, otherwise how the last one ended; null if it has none. */
  status: ExecutionStatus | null;
  syncState: SyncState;
  /** How many of its executions have ended. A rise is an end, also if another execution has begun since. */
  endedExecutions: number;
}

/** An attempt that got a new position. Several changes in a row can get one together. */
export interface NumberedChange {
  attemptId: string;
  organizationId: string;
  nodeId: string;
  position: bigint;
  /** At its last position; null if it had none, or was deleted. */
  before: FeedState | null;
  /** Null if it is deleted. */
  after: FeedState | null;
}
