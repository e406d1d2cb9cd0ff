/**
 * Which frame a log_ack or log_refused answers. The hive answers each page and each execution_sync of an execution
 * once, in order, but does not say which of the two it answers.
 */
export type Answered = { kind: 'sync'; revision: number } | { kind: 'page'; index: number };

interface Ledger {
  sent: number;
  answered: number;
  sync?: { index: number; revision: number } | undefined;
}

/**
 * Counts per execution, for one connection. Should an answer get lost, later ones are taken for earlier frames':
 * a sync then counts as unanswered and is sent again, and never as answered by what was not meant for it.
 */
export class Answers {
  readonly #ledgers = new Map<string, Ledger>();

  sentPage(executionId: string): void {
    this.#ledger(executionId).sent++;
  }

  sentSync(executionId: string, revision: number): void {
    const ledger = this.#ledger(executionId);
    ledger.sent++;
    // sent again unchanged: an answer to the first one will do
    if (ledger.sync?.revision !== revision) ledger.sync = { index: ledger.sent, revision };
  }

  /** Frames sent so far; an answer to a page with at most this index is an answer to what was sent until now. */
  sent(executionId: string): number {
    return this.#ledger(executionId).sent;
  }

  /** Takes the next answer. */
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

  /** Whether a frame about this execution awaits its answer. */
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
