/** The gateway as activities see it: the nodes whose sockets this hive process has. */
import type { AttemptSync, ExecutionSync, ExecutionStatus, RequestFailureCode, SyncState } from '../protocol/frames.js';
import type { NodeSession } from '../prisma/session.js';

export interface NodeGateway {
  /** The task queue of this process, by which leases name it. */
  readonly queue: string;
  /** @returns undefined if this process does not have the node's socket, or no longer */
  connectionTo(nodeId: string): NodeConnection | undefined;
}

/** One part of a node's description of an attempt; `last` says whether it is the last one. */
export interface DescribedPart {
  attempt: AttemptSync;
  executions: ExecutionSync[];
  last: boolean;
}

/** A log page as it came from a node, before it is checked. */
export interface LogPage {
  executionId: string;
  logEpoch: number;
  firstSeq: number;
  lastSeq: number;
  gzip: Buffer;
}

/** What the node says at the end of a read: `logLines` is how many lines it has committed by then. */
export interface LogsEnd {
  logLines: number;
  logEpoch: number;
  status: ExecutionStatus;
}

/** A node whose attempts and logs can be asked for part by part (protocol version 2). */
export interface PagedConnection {
  readonly protocol: 2;
  readonly session: NodeSession;
  /**
   * Asks for one part of the description: the first, or the one that begins after an execution.
   * @throws NodeRequestError; `not_found` also if the node has no such execution
   */
  describeAttempt(attemptId: string, afterExecutionId: string | undefined, signal: AbortSignal): Promise<DescribedPart>;
  /**
   * Yields log pages of the execution from line `afterSeq + 1` on. The node sends only a few pages ahead of those that
   * have been taken, and is told to stop if the generator is left early.
   * @throws NodeRequestError
   */
  readLogs(executionId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<LogPage, LogsEnd>;
  /** Has the node delete what it has of an attempt. Only for nodes that know `forget_attempt`. @throws NodeRequestError */
  forgetAttempt(attemptId: string, signal: AbortSignal): Promise<void>;
  /** Tells the node the state of the hive's copy of the attempt, and which revision of the attempt it has. */
  acknowledge(attemptId: string, revision: bigint, state: SyncState): void;
}

/** How a requested backfill of a whole attempt went. What came so far is already stored and counted. */
export type BackfillAnswer =
  | { done: true; linesStored: number; changed: boolean }
  /** The node is still working on it. Asking again waits for the same answer. */
  | { done: false; linesStored: number };

/** A node that sends everything it has of an attempt at once when asked (protocol version 1). */
export interface BatchConnection {
  readonly protocol: 1;
  readonly session: NodeSession;
  /** @throws NodeRequestError; `busy` if the node already owes the maximum number of answers */
  backfill(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal): Promise<BackfillAnswer>;
}

/** `protocol` tells which of the two a node is, and so how to mirror it. */
export type NodeConnection = PagedConnection | BatchConnection;

/** From then on, the hive says that it waits for a node's answers: in the log, and with the attempt. */
export const LONG_WAIT_SECONDS = 60;

/**
 * Why a request to a node failed. `code` is safe to show and to keep in a workflow's history. `message` may contain the
 * node's own words, so it is for the hive's log only.
 */
export class NodeRequestError extends Error {
  override readonly name = 'NodeRequestError';
  constructor(
    readonly code: RequestFailureCode | 'disconnected' | 'timeout' | 'protocol' | 'cancelled' | 'too_large',
    message: string,
    /** `busy` because the node owes answers: how long the oldest of them has been out. @format s */
    readonly owedSeconds?: number,
  ) {
    super(message);
  }
}
