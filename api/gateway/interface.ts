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

/** A node that is described and read piece by piece (protocol version 2). */
export interface PagedConnection {
  readonly protocol: 2;
  readonly session: NodeSession;
  /** @throws NodeRequestError */
  describeAttempt(attemptId: string, signal: AbortSignal): AsyncGenerator<DescribedPart, void>;
  /**
   * Log pages of the execution from `afterSeq + 1` on. Taking the next page tells the node that there
   * is room for one more. The node is told to stop when the generator is left early.
   * @throws NodeRequestError
   */
  readLogs(executionId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<LogPageFrame, LogsEnd>;
  /** Tells the node what the hive's copy of the attempt is now. */
  acknowledge(attemptId: string, revision: bigint, state: SyncState): void;
}

/** How an asked-for backfill of a whole attempt went; what it brought is stored and counted already. */
export type BackfillAnswer =
  | { done: true; linesStored: number; changed: boolean }
  /** The node is still at it; asking again waits on for the same answer. */
  | { done: false; linesStored: number };

/** A node that sends all it has of an attempt when it is asked (protocol version 1). */
export interface BatchConnection {
  readonly protocol: 1;
  readonly session: NodeSession;
  /** @throws NodeRequestError `busy`: the node owes as many answers as it may */
  backfill(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal): Promise<BackfillAnswer>;
}

/** `protocol` says how the node wants to be mirrored. */
export type NodeConnection = PagedConnection | BatchConnection;
