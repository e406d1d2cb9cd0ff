/** The gateway as activities see it: the nodes whose sockets this hive process holds. */
import type { AttemptSync, ExecutionSync, ExecutionStatus, SyncState } from '../../protocol/frames.js';
import type { LogPageFrame } from '../../protocol/binary-frame.js';
import type { NodeSession } from '../../prisma/queries/store-metadata.js';

export interface NodeGateway {
  /** The queue of this process; a lease names it. */
  readonly queue: string;
  /** Undefined: this process does not hold the node's socket (any more). */
  connectionTo(nodeId: string): NodeConnection | undefined;
}

/** A part of a node's description of an attempt; the last one is followed by no more. */
export interface DescribedPart {
  attempt: AttemptSync;
  executions: ExecutionSync[];
  last: boolean;
}

/** What the node says at the end of a read: the lines it has committed by now. */
export interface LogsEnd {
  logLines: number;
  logEpoch: number;
  status: ExecutionStatus;
}

export interface NodeConnection {
  readonly session: NodeSession;
  /** @throws NodeRequestError */
  describeAttempt(attemptId: string, signal: AbortSignal): AsyncGenerator<DescribedPart, void>;
  /**
   * Log pages of the execution from `afterSeq + 1` on. Taking the next page tells the node that the one before is
   * stored. The node is told to stop when the generator is left early.
   * @throws NodeRequestError
   */
  readLogs(executionId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<LogPageFrame, LogsEnd>;
  /** Tells the node what the hive's copy of the attempt is now. */
  acknowledge(attemptId: string, revision: bigint, state: SyncState): void;
}
