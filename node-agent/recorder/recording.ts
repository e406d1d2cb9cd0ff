/**
 * Records one execution: collects its lines in memory and stores them in batches, without ever stopping the command.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeLine, type OutputType } from '../../protocol/page.js';
import { codeOf } from '../errors.js';
import type { NewAttempt } from '../store/attempts.js';
import { addExecution, endExecution, markDropped, type ExecutionEnd, type NewExecution } from '../store/executions.js';
import { appendLines } from '../store/append-lines.js';
import type { Store } from '../store/open.js';

/** The longest that a line waits for its transaction: half of what kill -9 may lose. */
const BATCH_MS = 100;
const BATCH_LINES = 5000;
const BATCH_BYTES = 1024 * 1024;
/** How much is kept while the store can't be written; new lines that do not fit are lost. */
const BUFFER_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 500;
/** How long the command's end waits for a store that can't be written. */
const FINISH_MS = 3000;

export interface RecordingOptions {
  attempt: NewAttempt;
  execution: NewExecution;
  /** Says one sentence to the person at the terminal. */
  warn: (sentence: string) => void;
  /** @default 8 MiB */
  bufferBytes?: number;
  /** @default 3000 */
  finishMs?: number;
}

/** The store is opened by the first write that succeeds, so that even a full disk at the start does no harm. */
export class Recording {
  readonly #open: () => Store;
  readonly #options: RecordingOptions;
  #store: Store | undefined;
  #keys: { key: number; attemptKey: number } | undefined;
  #logLines = 0;
  #pending: string[] = [];
  #pendingBytes = 0;
  #lost = 0;
  #failing: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #end: ExecutionEnd | undefined;
  #ended = false;

  constructor(open: () => Store, options: RecordingOptions) {
    this.#open = open;
    this.#options = options;
  }

  /** Records that the execution is running. */
  start(): void {
    this.#flush();
  }

  add(outputType: OutputType, lines: readonly string[], timestamp: string): void {
    for (const content of lines) {
      const line = encodeLine({ output_type: outputType, content, timestamp });
      // counts UTF-16 units, a bound on memory and not a size on the wire
      if (
        this.#failing !== undefined &&
        this.#pendingBytes + line.length > (this.#options.bufferBytes ?? BUFFER_BYTES)
      ) {
        this.#lost++;
        continue;
      }
      this.#pending.push(line);
      this.#pendingBytes += line.length;
    }
    if (this.#failing === undefined && (this.#pending.length >= BATCH_LINES || this.#pendingBytes >= BATCH_BYTES)) {
      this.#flush();
    } else if (this.#pending.length > 0) {
      this.#schedule(this.#failing === undefined ? BATCH_MS : RETRY_MS);
    }
  }

  /** Records the end in the transaction of the last line. If the store can't be written, gives up and warns. */
  async finish(end: ExecutionEnd): Promise<void> {
    this.#end = end;
    const deadline = Date.now() + (this.#options.finishMs ?? FINISH_MS);
    this.#flush();
    while (!this.#ended && Date.now() < deadline) {
      await sleep(RETRY_MS / 2);
      this.#flush();
    }
    if (!this.#ended) {
      this.#options.warn(
        `the end and the last ${this.#pending.length + this.#lost} lines of the command are not recorded`,
      );
    }
    clearTimeout(this.#timer);
    this.#store?.close();
  }

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#flush(), delayMs);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      const store = (this.#store ??= this.#open());
      const written = store.write(() => this.#write(store));
      this.#keys = written.keys;
      this.#logLines = written.logLines;
      this.#pending = [];
      this.#pendingBytes = 0;
      this.#ended = this.#end !== undefined;
      this.#recovered();
    } catch (error) {
      this.#failed(codeOf(error));
    }
  }

  #write(store: Store): { keys: { key: number; attemptKey: number }; logLines: number } {
    const keys = this.#keys ?? addExecution(store, this.#options.attempt, this.#options.execution);
    const lines = this.#lost === 0 ? this.#pending : [...this.#pending, this.#lossLine()];
    const logLines = appendLines(store, keys.key, this.#logLines, lines);
    if (this.#lost > 0) markDropped(store, keys.key, keys.attemptKey);
    if (this.#end) endExecution(store, keys.key, keys.attemptKey, this.#end);
    return { keys, logLines };
  }

  #lossLine(): string {
    const content = `node-agent: ${this.#lost} lines are lost here, because the store could not be written (${this.#failing ?? ''})`;
    return encodeLine({ output_type: 'system', content, timestamp: new Date().toISOString() });
  }

  #recovered(): void {
    if (this.#failing === undefined) return;
    const loss = this.#lost === 0 ? 'no line was lost' : `${this.#lost} lines were lost`;
    this.#options.warn(`recording goes on: ${loss}`);
    this.#failing = undefined;
    this.#lost = 0;
  }

  #failed(code: string): void {
    if (this.#failing === undefined) {
      this.#options.warn(
        `cannot record at the moment (${code}); the command goes on, and its output is kept in memory`,
      );
    }
    this.#failing = code;
    if (!this.#end) this.#schedule(RETRY_MS);
  }
}
