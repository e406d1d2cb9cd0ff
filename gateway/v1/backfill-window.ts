import type { EncodedLine } from '../../protocol/v1/log-lines.js';

/** The maximum size of the deferred batches of one backfill, in the length of their lines as stored. */
const MAX_DEFERRED_BYTES = 64 * 1024 * 1024;

export interface DeferredBatch {
  executionId: string;
  lines: EncodedLine[];
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
  /** Executions whose log was recognised, and through which line it has come, in one batch or several. */
  readonly answered = new Map<string, number>();
  /** Executions whose log could not be told from live batches. */
  readonly unsettled = new Set<string>();
  linesStored = 0;
  /** Whether the attempt changed, so that asking for it again at once is worth it. */
  changed = false;
  #deferred: DeferredBatch[] = [];
  #deferredBytes = 0;

  constructor(
    readonly requestId: string,
    readonly attemptId: string,
    /** Executions that the hive knew when it sent the request. */
    readonly knownBefore: ReadonlyMap<string, { hadEnded: boolean }>,
    /** When the request was sent, by the node's clock in ms since 1970; undefined if the clock is unknown. */
    readonly askedAt: number | undefined,
  ) {}

  /** Keeps a batch until the response: it may be a live batch, or a whole log that differs from the stored one. */
  defer(batch: DeferredBatch): void {
    const bytes = batch.lines.reduce((sum, line) => sum + line.json.length, 0);
    if (this.#deferredBytes + bytes > MAX_DEFERRED_BYTES) {
      this.unsettled.add(batch.executionId);
      return;
    }
    this.#deferredBytes += bytes;
    this.#deferred.push(batch);
  }

  /** Takes out the deferred batches of each execution, in the order in which they came. */
  takeDeferred(): Map<string, DeferredBatch[]> {
    const byExecution = new Map<string, DeferredBatch[]>();
    for (const batch of this.#deferred) {
      byExecution.set(batch.executionId, [...(byExecution.get(batch.executionId) ?? []), batch]);
    }
    this.#deferred = [];
    this.#deferredBytes = 0;
    return byExecution;
  }

  /** Forgets what has come. An older request was answered only now, so none of it was the answer to this one. */
  startOver(): void {
    this.hasAttempt = false;
    this.listed.clear();
    this.answered.clear();
    for (const executionId of this.takeDeferred().keys()) this.unsettled.add(executionId);
  }
}
