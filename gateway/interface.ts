/** The gateway as activities see it: the nodes whose sockets this hive process holds. */
import type { AttemptSync, ExecutionSync, ExecutionStatus, RequestFailureCode, SyncState } from '../protocol/frames.js';
import type { NodeSession } from '../prisma/session.js';

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

/** A log page as it came from a node, not checked yet. */
export interface LogPage {
  executionId: string;
  logEpoch: number;
  firstSeq: number;
  lastSeq: number;
  gzip: Buffer;
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
  readLogs(executionId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<LogPage, LogsEnd>;
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

/**
 * Why a request to a node had no good end. `code` is safe to show and to keep in a workflow's history; the node's own
 * words are in `message` for the hive's log only.
 */
export class NodeRequestError extends Error {
  override readonly name = 'NodeRequestError';
  constructor(
    readonly code: RequestFailureCode | 'disconnected' | 'timeout' | 'protocol' | 'cancelled',
    message: string,
  ) {
    super(message);
  }
}
