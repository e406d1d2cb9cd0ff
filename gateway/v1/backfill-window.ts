import type { EncodedLine } from '../../protocol/v1/log-lines.js';

/** The maximum size of the batches that wait for their backfill's end, in stored bytes of one connection. */
const MAX_DEFERRED_BYTES = 64 * 1024 * 1024;

export interface DeferredBatch {
  executionId: string;
  lines: EncodedLine[];
}

/**
 * A backfill request of this connection, from its sending to its response. What comes in between on the connection is
 * looked at as its answer, though live frames of the same shape may be among it. Lives in the order of the frames: it
 * is opened and closed by the intake, not when the socket is read.
 */
export class BackfillWindow {
  /** The attempt was sent: the node has it and shares it. */
  hasAttempt = false;
  /** Executions that came in the window. */
  readonly listed = new Set<string>();
  /** Of executions whose log has been recognised: through which line it has come, in one batch or several. */
  readonly answered = new Map<string, number>();
  /** Executions whose log could not be told apart from live batches. */
  readonly unsettled = new Set<string>();
  linesStored = 0;
  changed = false;
  #deferred: DeferredBatch[] = [];
  #deferredBytes = 0;

  constructor(
    readonly requestId: string,
    readonly attemptId: string,
    readonly type: 'full_attempt' | 'executions',
    /** Executions that the hive knew when it asked. */
    readonly knownBefore: ReadonlyMap<string, { hadEnded: boolean }>,
    /** When it was asked, by the node's clock. */
    readonly askedAt: number | undefined,
  ) {}

  /** Keeps a batch that may be a whole log that differs from the stored one, or a live batch. */
  defer(batch: DeferredBatch): void {
    const bytes = batch.lines.reduce((sum, line) => sum + line.json.length, 0);
    if (this.#deferredBytes + bytes > MAX_DEFERRED_BYTES) {
      this.unsettled.add(batch.executionId);
      return;
    }
    this.#deferredBytes += bytes;
    this.#deferred.push(batch);
  }

  /** Takes the deferred batches out, by execution, each execution's in their order. */
  takeDeferred(): Map<string, DeferredBatch[]> {
    const byExecution = new Map<string, DeferredBatch[]>();
    for (const batch of this.#deferred) {
      byExecution.set(batch.executionId, [...(byExecution.get(batch.executionId) ?? []), batch]);
    }
    this.#deferred = [];
    this.#deferredBytes = 0;
    return byExecution;
  }

  /** All that came so far belongs to an older request of the same attempt, which has just been answered. */
  startOver(): void {
    this.hasAttempt = false;
    this.listed.clear();
    this.answered.clear();
    for (const executionId of this.takeDeferred().keys()) this.unsettled.add(executionId);
  }
}
