/**
 * Finds a batch of lines in a longer log that is read once, forwards (Knuth, Morris and Pratt): the first place that
 * has the whole batch, or otherwise the longest beginning of the batch that the log ends with.
 */
export class LineMatcher {
  readonly #batch: readonly string[];
  readonly #borders: number[];
  #matched = 0;
  #read = 0;

  constructor(batch: readonly string[]) {
    this.#batch = batch;
    this.#borders = borders(batch);
  }

  /** Reads the log's next line. @returns whether it completes the batch */
  next(line: string): boolean {
    this.#read++;
    while (this.#matched > 0 && line !== this.#batch[this.#matched])
      this.#matched = this.#borders[this.#matched - 1] ?? 0;
    if (line === this.#batch[this.#matched]) this.#matched++;
    return this.#matched === this.#batch.length;
  }

  /** How many of the batch's first lines the log read so far ends with. */
  get matched(): number {
    return this.#matched;
  }

  /** How many lines of the log were read. */
  get read(): number {
    return this.#read;
  }
}

/** For each beginning of the batch: the length of the longest shorter beginning that it also ends with. */
function borders(batch: readonly string[]): number[] {
  const lengths: number[] = [0];
  for (let index = 1, length = 0; index < batch.length; index++) {
    while (length > 0 && batch[index] !== batch[length]) length = lengths[length - 1] ?? 0;
    if (batch[index] === batch[length]) length++;
    lengths.push(length);
  }
  return lengths;
}
