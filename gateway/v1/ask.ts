import { ATTEMPT_NOT_FOUND, type ExecutionSyncV1 } from '../../protocol/v1/frames.js';

/**
 * A request of this connection for what the node knows of the executions of some attempts, without their lines. It is
 * how the hive learns that an execution has ended, which an original node never says by itself. What the node sends
 * until the response is stored as metadata, whether it is the answer or not.
 */
export class Ask {
  readonly #attemptIds: ReadonlySet<string>;
  readonly #changed = new Set<string>();
  #error = '';
  /** Executions of the attempts that the node sent. */
  readonly listed = new Set<string>();

  constructor(
    readonly requestId: string,
    attemptIds: readonly string[],
  ) {
    this.#attemptIds = new Set(attemptIds);
  }

  get attemptIds(): string[] {
    return [...this.#attemptIds];
  }

  isAbout(attemptId: string): boolean {
    return this.#attemptIds.has(attemptId);
  }

  /** @param changed attempts whose stored metadata differed from what the node sent */
  note(executions: readonly ExecutionSyncV1[], changed: ReadonlySet<string>): void {
    for (const item of executions) if (this.isAbout(item.attempt_id)) this.listed.add(item.execution_id);
    for (const attemptId of changed) this.#changed.add(attemptId);
  }

  hasChanged(attemptId: string): boolean {
    return this.#changed.has(attemptId);
  }

  /** Forgets what has come. An older request was answered only now, so none of it was the answer to this one. */
  startOver(): void {
    this.listed.clear();
  }

  /** @param error the node's words in the response; null if it sent everything */
  end(error: string | null): void {
    this.#error = error ?? '';
  }

  /** The attempts that the node does not have. */
  get notFound(): string[] {
    return this.attemptIds.filter((id) => this.#error.includes(`attempt ${id} ${ATTEMPT_NOT_FOUND}`));
  }

  /** @returns what the node says instead of sending the attempt's executions; undefined if it sent them */
  errorOf(attemptId: string): string | undefined {
    return this.#error.includes(attemptId) ? this.#error : undefined;
  }
}
