import type { NodeRequestError } from '../interface.js';
import { lengthOf, type EncodedLine } from '../../protocol/v1/log-lines.js';

/** The maximum length of the deferred batches of one backfill, as {@link lengthOf} measures them. */
const MAX_DEFERRED_LENGTH = 64 * 1024 * 1024;

/** How far a log has come, in one batch or several. */
export interface AnsweredLog {
  through: number;
  /** Whether another part of it may follow. */
  mayGoOn: boolean;
}

/**
 * A request of this connection for a whole attempt, from when it is sent until its response. What comes in between on the
 * connection is treated as the answer, although live frames of the same shape may be among it. Ingest opens and closes
 * the window, in the order of the frames, and not the socket when it reads them.
 */
export class BackfillWindow {
  /** Whether the node sent the attempt, so that it has and shares it. */
  hasAttempt = false;
  /** Executions that the node sent. */
  readonly listed = new Set<string>();
  /** Executions whose log was recognised. */
  readonly answered = new Map<string, AnsweredLog>();
  /** Executions whose log could not be told from live batches, or could not be stored. */
  readonly unsettled = new Set<string>();
  /** Executions of which pushed lines were appended since the request was sent: the answer may be older than these. */
  readonly appended = new Set<string>();
  /** Executions of which pushed lines were lost since the request was sent. */
  readonly lost = new Set<string>();
  linesStored = 0;
  /** Whether the attempt changed, so that asking for it again at once is worth it. */
  changed = false;
  /** Whether something that came could not be stored, so that it says nothing about what the node has. */
  isSpoilt = false;
  /** Why the backfill has failed, although all that can be stored of the answer is to be stored. */
  failure: NodeRequestError | undefined;
  readonly #deferred = new Map<string, EncodedLine[][]>();
  #deferredLength = 0;

  constructor(
    readonly requestId: string,
    readonly attemptId: string,
    /** Executions that the hive knew when it sent the request. */
    readonly knownBefore: ReadonlyMap<string, { hadEnded: boolean }>,
    /** When the request was sent, by the node's clock in ms since 1970; undefined if the clock is unknown. */
    readonly askedAt: number | undefined,
  ) {}

  /**
   * Keeps a batch for later: it may be a live batch, or a whole log that differs from the stored one.
   * @returns false if there is no room for it
   */
  defer(executionId: string, lines: EncodedLine[]): boolean {
    const length = lengthOf(lines);
    if (this.#deferredLength + length > MAX_DEFERRED_LENGTH) return false;
    this.#deferredLength += length;
    this.#deferred.set(executionId, [...(this.#deferred.get(executionId) ?? []), lines]);
    return true;
  }

  /** Takes out the deferred batches of an execution, in the order in which they came. */
  takeDeferred(executionId: string): EncodedLine[][] {
    const batches = this.#deferred.get(executionId) ?? [];
    this.#deferred.delete(executionId);
    this.#deferredLength -= batches.reduce((sum, lines) => sum + lengthOf(lines), 0);
    return batches;
  }

  isAbout(attemptId: string): boolean {
    return this.attemptId === attemptId;
  }

  /** @returns the executions that have deferred batches */
  get withDeferred(): string[] {
    return [...this.#deferred.keys()];
  }

  /**
   * Forgets what has come. An older request was answered only now, so none of it was the answer to this one. Deferred
   * batches are to be taken out before.
   */
  startOver(): void {
    this.hasAttempt = false;
    this.listed.clear();
    this.answered.clear();
  }
}
