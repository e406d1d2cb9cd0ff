/** A question to the hive that a part of a page shows the answer of: loading, answered, failed, asked again. */
import { signal, type ReadonlySignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

export interface Request<T> {
  /** The newest answer. It stays while the question is asked again, and when that fails. */
  answer: T | undefined;
  error: Error | undefined;
  isLoading: boolean;
}

export interface Asking<T> {
  state: ReadonlySignal<Request<T>>;
  /** Asks again, for example because the feed told of a change. Several calls while one is under way make one more. */
  again(): void;
}

/**
 * @param question asked when it is first shown, and when `parts` change; aborted when it is no longer wanted
 * @param parts what the question is made of
 */
export function useRequest<T>(question: (signal: AbortSignal) => Promise<T>, parts: readonly unknown[]): Asking<T> {
  const asking = useMemo(() => new Question(question), parts);
  useEffect(() => {
    asking.again();
    return () => asking.end();
  }, [asking]);
  return asking;
}

class Question<T> implements Asking<T> {
  readonly state = signal<Request<T>>({ answer: undefined, error: undefined, isLoading: true });
  readonly #question: (signal: AbortSignal) => Promise<T>;
  #aborting: AbortController | undefined;
  #isStale = false;

  constructor(question: (signal: AbortSignal) => Promise<T>) {
    this.#question = question;
  }

  again(): void {
    if (this.#aborting) this.#isStale = true;
    else void this.#ask();
  }

  end(): void {
    this.#isStale = false;
    this.#aborting?.abort();
    this.#aborting = undefined;
  }

  async #ask(): Promise<void> {
    const aborting = new AbortController();
    this.#aborting = aborting;
    this.state.value = { ...this.state.peek(), isLoading: true };
    const next = await this.#answered(aborting.signal);
    if (aborting.signal.aborted) return;
    this.state.value = next;
    this.#aborting = undefined;
    if (this.#isStale) {
      this.#isStale = false;
      void this.#ask();
    }
  }

  async #answered(signal: AbortSignal): Promise<Request<T>> {
    try {
      return { answer: await this.#question(signal), error: undefined, isLoading: false };
    } catch (error) {
      const { answer } = this.state.peek();
      return { answer, error: error instanceof Error ? error : new Error(String(error)), isLoading: false };
    }
  }
}
