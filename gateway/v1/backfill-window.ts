import type { EncodedLine } from '../../protocol/v1/log-lines.js';

/** Batches that are held until their backfill's end, in stored bytes of one connection. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

export interface HeldBatch {
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
  #held: HeldBatch[] = [];
  #heldBytes = 0;

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
  hold(batch: HeldBatch): void {
    const bytes = batch.lines.reduce((sum, line) => sum + line.json.length, 0);
    if (this.#heldBytes + bytes > MAX_HELD_BYTES) {
      this.unsettled.add(batch.executionId);
      return;
    }
    this.#heldBytes += bytes;
    this.#held.push(batch);
  }

  /** Takes the held batches out, by execution, each's in their order. */
  takeHeld(): Map<string, HeldBatch[]> {
    const byExecution = new Map<string, HeldBatch[]>();
    for (const batch of this.#held) {
      byExecution.set(batch.executionId, [...(byExecution.get(batch.executionId) ?? []), batch]);
    }
    this.#held = [];
    this.#heldBytes = 0;
    return byExecution;
  }

  /** All that came so far belongs to an older request of the same attempt, which has just been answered. */
  startOver(): void {
    this.hasAttempt = false;
    this.listed.clear();
    this.answered.clear();
    for (const executionId of this.takeHeld().keys()) this.unsettled.add(executionId);
  }
}
