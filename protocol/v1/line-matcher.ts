/**
 * Finds where a batch of lines stands in a longer log that is read once, forwards (Knuth, Morris and Pratt): the first
 * place where the whole batch is, or else the longest start of the batch that the log ends with.
 */
export class LineMatcher {
  readonly #batch: readonly string[];
  readonly #borders: number[];
  /** Lines of the batch that the log read so far ends with. */
  #matched = 0;
  #read = 0;

  constructor(batch: readonly string[]) {
    this.#batch = batch;
    this.#borders = borders(batch);
  }

  /** Reads the log's next line; true once the whole batch has been found. */
  next(line: string): boolean {
    this.#read++;
    while (this.#matched > 0 && line !== this.#batch[this.#matched])
      this.#matched = this.#borders[this.#matched - 1] ?? 0;
    if (line === this.#batch[this.#matched]) this.#matched++;
    return this.#matched === this.#batch.length;
  }

  /** How many of the batch's lines stand at the end of what was read. */
  get matched(): number {
    return this.#matched;
  }

  /** Lines of the log that were read. */
  get read(): number {
    return this.#read;
  }
}

/** For each start of the batch: the length of the longest shorter start that it also ends with. */
function borders(batch: readonly string[]): number[] {
  const lengths: number[] = [0];
  for (let index = 1, length = 0; index < batch.length; index++) {
    while (length > 0 && batch[index] !== batch[length]) length = lengths[length - 1] ?? 0;
    if (batch[index] === batch[length]) length++;
    lengths.push(length);
  }
  return lengths;
}
