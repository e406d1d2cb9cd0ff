/**
 * The frame that a log_ack or log_refused answers. The hive answers each page and each execution_sync of an execution
 * once and in order, but does not say which of the two it answers.
 */
export type Answered = { kind: 'sync'; revision: number } | { kind: 'page'; index: number };

interface Ledger {
  sent: number;
  answered: number;
  sync?: { index: number; revision: number } | undefined;
}

/**
 * Counts frames and answers per execution, for one connection. If an answer gets lost, later answers are attributed to
 * earlier frames: an execution_sync then counts as unanswered and is sent again, but never as answered by mistake.
 */
export class Answers {
  readonly #ledgers = new Map<string, Ledger>();

  sentPage(executionId: string): void {
    this.#ledger(executionId).sent++;
  }

  sentSync(executionId: string, revision: number): void {
    const ledger = this.#ledger(executionId);
    ledger.sent++;
    // if it is sent again unchanged, an answer to the first one is enough
    if (ledger.sync?.revision !== revision) ledger.sync = { index: ledger.sent, revision };
  }

  /** Number of frames sent so far. An answer to a page whose index is not above it is about something already sent. */
  sent(executionId: string): number {
    return this.#ledger(executionId).sent;
  }

  /** Counts the next answer. @returns the frame that it answers */
  take(executionId: string): Answered {
    const ledger = this.#ledger(executionId);
    if (ledger.answered < ledger.sent) ledger.answered++;
    if (ledger.sync && ledger.answered >= ledger.sync.index) {
      const { revision } = ledger.sync;
      ledger.sync = undefined;
      return { kind: 'sync', revision };
    }
    return { kind: 'page', index: ledger.answered };
  }

  /** @returns whether a frame about this execution awaits its answer */
  awaits(executionId: string): boolean {
    const ledger = this.#ledgers.get(executionId);
    return ledger !== undefined && ledger.answered < ledger.sent;
  }

  #ledger(executionId: string): Ledger {
    let ledger = this.#ledgers.get(executionId);
    if (!ledger) {
      ledger = { sent: 0, answered: 0 };
      this.#ledgers.set(executionId, ledger);
    }
    return ledger;
  }
}
