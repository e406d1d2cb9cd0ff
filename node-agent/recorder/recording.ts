/** Records one execution: collects its lines in memory and stores them in batches. */
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeLine, type OutputType } from '../../protocol/page.js';
import { counted } from '../counted.js';
import { codeOf, isBusy, NodeAgentError } from '../errors.js';
import type { NewAttempt } from '../store/attempts.js';
import {
  addExecution,
  endExecution,
  findExecution,
  markDropped,
  type ExecutionEnd,
  type NewExecution,
} from '../store/executions.js';
import { LogWriter } from '../store/log-writer.js';
import { lossLine } from '../store/orphans.js';
import type { Store } from '../store/open.js';
import { noteWithoutLock, RecorderLock } from '../store/recorder-lock.js';
import type { RecorderNote } from '../store/recorder-note.js';

/** The longest that a line waits for its transaction: half of what kill -9 may lose. */
const BATCH_MS = 100;
const BATCH_LINES = 5000;
const BATCH_BYTES = 256 * 1024;
/** How much is kept while the store can't be written; new lines that do not fit are lost. */
const BUFFER_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 500;
/** While another process writes: the shortest delay until the next try, and how much longer it may be. */
const BUSY_RETRY_MS = [5, 20] as const;
/** How much is kept while another process writes; then the command's output is not read, until it has been stored. */
const BACKLOG_BYTES = 1024 * 1024;
/** For how long another process may keep the store: longer than any write takes, unless that process is stopped. */
const BUSY_MS = 30_000;
/** How long another process may keep the store until a note says that lines are only in memory. */
const NOTE_MS = 1000;
/** How long the command's end waits for a store that can't be written. */
const FINISH_MS = 3000;
const REPLACED_MS = 1000;

export interface RecordingOptions {
  attempt: NewAttempt;
  execution: NewExecution;
  /** Where the store is, if that is known: a note is left there if the store can never be opened. */
  dataDir?: string;
  /** Says one sentence to the person at the terminal. */
  warn: (sentence: string) => void;
  /** The command's output should not be read until `resume`. */
  pause: () => void;
  resume: () => void;
  /** @default 8 MiB */
  bufferBytes?: number;
  /** @default 3000 */
  finishMs?: number;
  /** @default 30000 */
  busyMs?: number;
}

/**
 * Why lines are not stored at the moment. `busy`: another process writes, and the command waits if need be; `refused`:
 * the command goes on, and what does not fit into memory is lost.
 */
type Trouble = { kind: 'busy'; since: number; noted?: string } | { kind: 'refused'; code: string };

/** The store is opened by the first write that succeeds, so that even a full disk at the start does no harm. */
export class Recording {
  readonly #open: () => Store;
  readonly #options: RecordingOptions;
  #store: Store | undefined;
  #lock: RecorderLock | undefined;
  #keys: { key: number; attemptKey: number } | undefined;
  #writer = LogWriter.atStart();
  /** Lines lost since the last line that the writer has. */
  #lost = 0;
  /** Whether the writer has a line about lost lines that is not stored yet. */
  #hasLossLine = false;
  #trouble: Trouble | undefined;
  #isPaused = false;
  #timer: NodeJS.Timeout | undefined;
  #end: ExecutionEnd | undefined;
  /** Nothing more is to be stored: the end is, or can't be. */
  #isOver = false;
  #lookedAt = performance.now();

  constructor(open: () => Store, options: RecordingOptions) {
    this.#open = open;
    this.#options = options;
  }

  /** Records that the execution is running. */
  start(): void {
    this.#flush();
  }

  add(outputType: OutputType, lines: readonly string[], timestamp: string): void {
    if (this.#isOver) return;
    for (const content of lines) this.#addLine(encodeLine({ output_type: outputType, content, timestamp }));
    const { pendingLines, pendingBytes } = this.#writer;
    if (this.#trouble?.kind === 'busy') {
      if (pendingBytes > BACKLOG_BYTES) this.#pause();
    } else if (!this.#trouble && (pendingLines >= BATCH_LINES || pendingBytes >= BATCH_BYTES)) {
      this.#flush();
    } else if (pendingLines > 0) {
      this.#schedule(this.#trouble ? RETRY_MS : BATCH_MS);
    }
  }

  /**
   * Records the end in the transaction of the last line. If the store can't be written, leaves a note of what is
   * missing, and warns.
   */
  async finish(end: ExecutionEnd): Promise<void> {
    this.#end = end;
    const deadline = performance.now() + (this.#options.finishMs ?? FINISH_MS);
    this.#flush();
    while (!this.#isOver && (this.#trouble?.kind === 'busy' || performance.now() < deadline)) {
      await sleep(this.#trouble?.kind === 'busy' ? busyRetryMs() : RETRY_MS / 2);
      this.#flush();
    }
    clearTimeout(this.#timer);
    if (this.#isOver) this.#lock?.remove();
    else this.#giveUp(end);
    this.#lock?.release();
    this.#store?.close();
  }

  #addLine(line: string): void {
    if (this.#trouble?.kind === 'refused') {
      // once a line is lost, so are those after it, so that the store tells where they are missing
      const isFull = this.#writer.pendingBytes + line.length > (this.#options.bufferBytes ?? BUFFER_BYTES);
      if (isFull || this.#lost > 0) {
        this.#lost++;
        return;
      }
    }
    this.#writer.add(line);
  }

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#flush(), delayMs);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isOver) return;
    try {
      const store = (this.#store ??= this.#open());
      if (this.#isStoreReplaced(store)) return;
      this.#lock ??= RecorderLock.create(store.dataDir, this.#options.execution.id);
      this.#commit(store);
      if (this.#lost > 0) {
        this.#writer.add(lossLine(this.#lost, this.#refusal, new Date().toISOString()));
        this.#options.warn(`recording goes on: ${counted(this.#lost, 'line')} lost`);
        this.#lost = 0;
        this.#hasLossLine = true;
        this.#commit(store);
      } else if (this.#trouble?.kind === 'refused') {
        this.#options.warn('recording goes on: no line was lost');
      }
      this.#lock.note.clear();
      this.#trouble = undefined;
      this.#resume();
    } catch (error) {
      this.#failed(error);
    }
  }

  #commit(store: Store): void {
    const isEnd = this.#end !== undefined && this.#lost === 0;
    if (isEnd) this.#writer.seal();
    const keys = store.write(() => this.#write(store, isEnd ? this.#end : undefined));
    this.#keys = keys;
    this.#writer.committed();
    this.#hasLossLine = false;
    this.#isOver = isEnd;
  }

  #write(store: Store, end: ExecutionEnd | undefined): { key: number; attemptKey: number } {
    const { attempt, execution } = this.#options;
    const recorder = { ...execution.recorder, locks: true };
    const keys = this.#keys ?? addExecution(store, attempt, { ...execution, recorder });
    this.#writer.write(store, keys.key);
    if (this.#hasLossLine || this.#lost > 0) markDropped(store, keys.key, keys.attemptKey);
    if (end) endExecution(store, keys.key, keys.attemptKey, end);
    return keys;
  }

  #failed(error: unknown): void {
    if (error instanceof NodeAgentError && error.code === 'sealed') {
      this.#foundSealed();
      return;
    }
    if (isBusy(error) && this.#trouble?.kind !== 'refused') {
      this.#trouble ??= { kind: 'busy', since: performance.now() };
      const busyMs = performance.now() - this.#trouble.since;
      if (busyMs >= NOTE_MS) this.#noteBusy(this.#trouble, codeOf(error));
      if (busyMs < (this.#options.busyMs ?? BUSY_MS)) {
        if (!this.#end) this.#schedule(busyRetryMs());
        return;
      }
    }
    this.#refused(codeOf(error));
  }

  /** Says in the note what would be lost if this process were killed now; again only when that changes. */
  #noteBusy(trouble: Trouble & { kind: 'busy' }, code: string): void {
    if (!this.#lock) return; // nobody may find a note without a lock while its recorder is alive
    const end = this.#end ?? null;
    const { pendingLines } = this.#writer;
    const lost = end || pendingLines === 0 ? pendingLines : null; // more may come before the end
    const content = { code, lost, end };
    const noted = JSON.stringify(content);
    if (trouble.noted !== noted && this.#note(content)) trouble.noted = noted;
  }

  #refused(code: string): void {
    const isNew = this.#trouble?.kind !== 'refused';
    this.#trouble = { kind: 'refused', code };
    this.#note({ code, lost: null, end: null });
    if (isNew) {
      this.#options.warn(
        `cannot record at the moment (${code}); the command goes on, and its output is kept in memory`,
      );
    }
    this.#resume();
    if (!this.#end) this.#schedule(RETRY_MS);
  }

  get #refusal(): string | undefined {
    return this.#trouble?.kind === 'refused' ? this.#trouble.code : undefined;
  }

  /** @returns whether the note was written */
  #note(content: { code: string; lost: number | null; end: ExecutionEnd | null }): boolean {
    const { attempt, execution, dataDir } = this.#options;
    const storedLines = this.#writer.storedLines;
    try {
      const note: RecorderNote | undefined =
        this.#lock?.note ?? (content.end && dataDir !== undefined ? noteWithoutLock(dataDir, execution.id) : undefined);
      note?.write({ ...content, storedLines, ...(!this.#keys && { recording: { attempt, execution } }) });
      return note !== undefined;
    } catch {
      return false; // the terminal has been told, and nothing else can be
    }
  }

  /** Leaves a note of the end for whoever opens the store next. */
  #giveUp(end: ExecutionEnd): void {
    const lost = this.#writer.pendingLines + this.#lost;
    const isNoted = this.#note({ code: this.#refusal ?? 'unknown', lost, end });
    const what =
      lost === 0 ? 'the end of the command is' : `the end and the last ${counted(lost, 'line')} of the command are`;
    const next = isNoted ? '; the next node-agent that can write to the store notes there what is missing' : '';
    this.#options.warn(`${what} not recorded${next}`);
  }

  /** Only one process writes an execution's lines: what another one has ended is not touched. */
  #foundSealed(): void {
    const lost = this.#writer.pendingLines + this.#lost;
    this.#stop(
      `another process has ended this execution in the store, so the rest of the command's output is not recorded`,
    );
    const [store, id] = [this.#store, this.#options.execution.id];
    if (!store || lost === 0) return;
    try {
      store.write(() => {
        const row = findExecution(store, id);
        if (row) markDropped(store, row.key, row.attempt_key);
      });
    } catch (error) {
      this.#options.warn(`could not mark in the store that lines are missing (${codeOf(error)})`);
    }
  }

  #isStoreReplaced(store: Store): boolean {
    if (!this.#end && performance.now() - this.#lookedAt < REPLACED_MS) return false;
    this.#lookedAt = performance.now();
    if (!store.isReplaced()) return false;
    this.#stop(
      `the store in ${store.dataDir} was deleted or replaced, so the rest of the command's output is not recorded; the command goes on`,
    );
    return true;
  }

  #stop(sentence: string): void {
    this.#isOver = true;
    this.#writer = LogWriter.atStart();
    this.#resume();
    this.#options.warn(sentence);
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#options.pause();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#options.resume();
  }
}

/** Random, so that recorders that wait for the same store do not all try at once. */
function busyRetryMs(): number {
  const [least, spread] = BUSY_RETRY_MS;
  return least + Math.random() * spread;
}
