/**
 * Records one execution: appends what its command prints to a spool, and has the store's lines made behind it. Nothing
 * else is on the command's way.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { counted } from '../counted.js';
import { codeOf, mayPass, NodeAgentError } from '../errors.js';
import { noteWithoutLock, RecorderLock } from '../store/recorder-lock.js';
import type { RecorderNote } from '../store/recorder-note.js';
import type { ExecutionEnd } from '../store/recorded.js';
import { whyNoSqlite } from '../store/sqlite.js';
import { startAbsorbProcess } from './absorb-entries.js';
import { AbsorbThread } from './absorb-in-thread.js';
import {
  AbsorbLoop,
  REST_BYTES,
  type AbsorbEvents,
  type Absorbing,
  type AbsorbOutcome,
  type AbsorbStop,
} from './absorb-loop.js';
import { isFloodRate } from './flood-watch.js';
import { openForRecording } from './open-for-recording.js';
import type { RecordingOptions } from './recording-options.js';
import { spoolBytes } from './spool-files.js';
import type { FrameKind } from './spool-frames.js';
import { SpoolQueue } from './spool-queue.js';
import { SpoolWriter } from './spool-writer.js';

/** A command that ends before that needs no thread. Readers see its first lines soon after. */
const THREAD_AFTER_MS = 400;
/** One that prints much until then has the machine for itself for as long again. */
const FLOODING_THREAD_AFTER_MS = 800;
/** How much is kept in memory while the spool can't be written; new output that does not fit is lost. */
const BUFFER_BYTES = 8 * 1024 * 1024;
/** How much of the spool may wait for the store; then the command's output is not read, until some has been stored. */
const BACKLOG_BYTES = 1024 * 1024 * 1024;
/** For how long the command waits then; longer than any write takes. Afterwards its output is lost. */
const BUSY_MS = 30_000;
const RETRY_MS = 500;
/** How long the command's end waits for a disk or a store that can't be written. */
const FINISH_MS = 3000;

export class Recording {
  readonly #options: RecordingOptions;
  readonly #queue: SpoolQueue;
  #lock: RecorderLock | undefined;
  #absorbing: Absorbing | undefined;
  #threadTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  readonly #startedAt = performance.now();
  /** Why the spool can't be written at the moment. */
  #trouble: string | undefined;
  /** Why the store can't be written at the moment. */
  #storeTrouble: { code: string; isBusy: boolean; since: number } | undefined;
  /** What of the spool is not in the store: as of the last commit, and since. */
  #backlogBytes = 0;
  #isPaused = false;
  /** The rest of the spool is left to a process of its own. */
  #isLeft = false;
  #maskedCount = 0;
  /** Nothing more is recorded: another process has ended the execution, or the store is gone. */
  #isStopped = false;

  constructor(options: RecordingOptions) {
    this.#options = options;
    this.#queue = new SpoolQueue(() => this.#createSpool(), options.bufferBytes ?? BUFFER_BYTES);
    if (options.mask) options.mask.onHeld = (type, bytes) => this.#append(type, bytes);
  }

  /** To be called when the command has been started: from now on, others know that it is being recorded. */
  start(): void {
    try {
      this.#queue.open();
    } catch (error) {
      this.#failed(error);
    }
    if (this.#isStopped) return;
    this.#options.begun?.();
    this.#threadTimer = setTimeout(() => this.#startThread(), THREAD_AFTER_MS).unref();
  }

  #startThread(): void {
    const runningMs = performance.now() - this.#startedAt;
    const isFlood = runningMs < FLOODING_THREAD_AFTER_MS && isFloodRate(this.#backlogBytes, runningMs);
    if (isFlood) this.#threadTimer?.refresh();
    else this.#absorbing ??= this.#startAbsorbing();
  }

  /** Records what the command has printed. `bytes` may be reused afterwards. */
  output(type: 'stdout' | 'stderr', bytes: Buffer): void {
    const { mask } = this.#options;
    this.#append(type, mask ? mask.push(type, bytes) : bytes);
    this.#appendMasked();
  }

  /** Records a line of the recorder itself. */
  system(sentence: string): void {
    this.#append('system', Buffer.from(this.#options.mask?.text(sentence) ?? sentence));
  }

  /**
   * Records the end. What is left of the output then is stored if it is little; otherwise a process is started for it.
   * If the disk can't be written, leaves a note of what is missing, and warns.
   */
  async finish(end: ExecutionEnd): Promise<void> {
    clearTimeout(this.#threadTimer);
    this.#threadTimer = undefined;
    for (const type of ['stdout', 'stderr'] as const) this.#append(type, this.#options.mask?.end(type));
    this.#appendMasked();
    if (this.#isStopped) return;
    this.#append('end', Buffer.from(JSON.stringify(end)));
    const finishMs = this.#options.finishMs ?? FINISH_MS;
    const deadline = performance.now() + finishMs;
    while (this.#trouble !== undefined && mayPass(this.#trouble) && performance.now() < deadline) {
      await sleep(RETRY_MS / 2);
      this.#retry();
    }
    clearTimeout(this.#retryTimer);
    if (this.#trouble !== undefined) this.#giveUp(end);
    if (this.#queue.spool) await this.#finishAbsorbing(finishMs);
    this.#queue.spool?.close();
    this.#lock?.release();
    const { dataDir, execution, open } = this.#options;
    if (this.#isLeft && dataDir !== undefined && !open) startAbsorbProcess(dataDir, execution.id, { isLeaving: true });
  }

  async #finishAbsorbing(finishMs: number): Promise<void> {
    const rest = await this.#absorbRest(finishMs);
    const outcome = rest === 'left' && this.#isSpoolGone() ? 'replaced' : rest;
    if (outcome === 'ended') {
      this.#queue.spool?.remove();
      this.#lock?.remove();
    } else if (outcome === 'left') {
      const { code, isBusy = true } = this.#storeTrouble ?? {};
      this.#isLeft = isBusy && this.#trouble === undefined;
      if (code !== undefined) {
        const why = whyNoSqlite();
        this.#options.warn(
          why === undefined
            ? `the store could not be written (${code}); the next node-agent that can write to it adds the command's output`
            : `${why}; then the next node-agent adds the command's output to the store`,
        );
      }
    } else this.#stop(outcome);
  }

  /** Whoever deletes a store's directory takes the spool with it, also before it was looked at for the first time. */
  #isSpoolGone(): boolean {
    const { dataDir, execution } = this.#options;
    return this.#trouble === undefined && dataDir !== undefined && spoolBytes(dataDir, execution.id) === 0;
  }

  async #absorbRest(finishMs: number): Promise<AbsorbOutcome> {
    if (this.#backlogBytes > REST_BYTES) return (await this.#absorbing?.stop()) ?? 'left';
    return (this.#absorbing ??= this.#absorbHere()).finish(finishMs);
  }

  #createSpool(): SpoolWriter {
    const { dataDir, attempt, execution, terminal = false } = this.#options;
    if (dataDir === undefined) throw Object.assign(new Error('there is no place for the store'), { code: 'ENOENT' });
    this.#lock ??= RecorderLock.create(dataDir, execution.id);
    return new SpoolWriter(dataDir, { attempt, execution, terminal });
  }

  #append(kind: FrameKind, content: Buffer | undefined): void {
    if (this.#isStopped || !content || (content.length === 0 && kind !== 'system')) return;
    const isOutput = kind === 'stdout' || kind === 'stderr';
    this.#backlogBytes += content.length;
    if (isOutput && this.#backlogBytes > (this.#options.backlogBytes ?? BACKLOG_BYTES) && !this.#wait()) {
      this.#queue.lose(content, this.#storeTrouble?.code ?? 'unknown');
      return;
    }
    const hadTrouble = this.#queue.isWaiting;
    try {
      this.#queue.append(kind, content, timeStamp());
      this.#absorbing?.more();
    } catch (error) {
      this.#failed(error);
    }
    if (hadTrouble) this.#scheduleRetry();
  }

  #appendMasked(): void {
    const count = this.#options.mask?.count ?? 0;
    if (count === this.#maskedCount) return;
    this.#maskedCount = count;
    this.#append('masked', Buffer.from(String(count)));
  }

  /** @returns false if the store could not be written for so long that the command has to go on without being recorded */
  #wait(): boolean {
    const { since } = this.#storeTrouble ?? { since: performance.now() };
    if (performance.now() - since > (this.#options.busyMs ?? BUSY_MS)) return false;
    if (!this.#isPaused) {
      this.#isPaused = true;
      this.#options.pause();
      this.#scheduleRetry();
    }
    return true;
  }

  #failed(error: unknown): void {
    if (error instanceof NodeAgentError && error.code === 'native_module') {
      this.#isStopped = true; // only a person can change that
      this.#options.warn(`${error.message}; the command runs unrecorded`);
      return;
    }
    const isNew = this.#trouble === undefined;
    this.#trouble = codeOf(error);
    this.#queue.code = this.#trouble;
    this.#note({ code: this.#trouble, lost: null, end: null });
    if (isNew) {
      this.#options.warn(
        `cannot record at the moment (${this.#trouble}); the command goes on, and its output is kept in memory`,
      );
    }
    this.#scheduleRetry();
  }

  #scheduleRetry(): void {
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      this.#retry();
    }, RETRY_MS).unref();
  }

  /** Appends what is in memory. Also ends a wait that has become too long. */
  #retry(): void {
    if (this.#isPaused) {
      if (this.#isBelowBacklog() || !this.#wait()) this.#resume();
      else this.#scheduleRetry();
    }
    if (this.#isStopped || (this.#trouble === undefined && !(this.#queue.isWaiting && this.#isBelowBacklog()))) return;
    try {
      const lost = this.#queue.retry(timeStamp());
      this.#lock?.note.clear();
      this.#trouble = undefined;
      this.#options.warn(`recording goes on: ${lost > 0 ? `${counted(lost, 'line')} lost` : 'no line was lost'}`);
      if (this.#absorbing) this.#absorbing.more();
      else this.#threadTimer?.refresh(); // there was no spool yet when it was due
    } catch (error) {
      this.#failed(error);
    }
  }

  #isBelowBacklog(): boolean {
    return this.#backlogBytes <= (this.#options.backlogBytes ?? BACKLOG_BYTES);
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#options.resume();
  }

  #startAbsorbing(): Absorbing | undefined {
    const { dataDir, execution, open } = this.#options;
    if (this.#isStopped || dataDir === undefined || !this.#queue.spool) return undefined;
    if (open) return this.#absorbHere();
    const thread = { dataDir, executionId: execution.id, runningMs: performance.now() - this.#startedAt };
    try {
      return new AbsorbThread(thread, this.#absorbEvents(), () => this.#absorbHere());
    } catch {
      return this.#absorbHere();
    }
  }

  #absorbHere(): AbsorbLoop {
    const { dataDir = '', execution, warn, open = () => openForRecording(dataDir, warn) } = this.#options;
    const loop = new AbsorbLoop(open, execution.id, this.#absorbEvents());
    loop.more();
    return loop;
  }

  #absorbEvents(): AbsorbEvents {
    return {
      warn: this.#options.warn,
      stored: (backlogBytes: number) => {
        this.#backlogBytes = backlogBytes;
        if (this.#isPaused && this.#isBelowBacklog()) this.#resume();
        if (this.#queue.isWaiting) this.#scheduleRetry();
      },
      trouble: (code: string | undefined, isBusy: boolean) => {
        this.#storeTrouble = code === undefined ? undefined : { code, isBusy, since: performance.now() };
      },
      over: (outcome: AbsorbStop) => this.#stop(outcome),
    };
  }

  /** Only one process writes an execution's lines: what another one has ended is not touched. */
  #stop(outcome: AbsorbStop): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearTimeout(this.#retryTimer);
    this.#resume();
    this.#queue.spool?.remove();
    this.#lock?.remove();
    const why = {
      sealed: 'another process has ended this execution in the store',
      replaced: `the store in ${this.#options.dataDir ?? ''} was deleted or replaced`,
      forgotten: 'an admin has deleted this attempt at the hive',
    }[outcome];
    this.#options.warn(`${why}, so the rest of the command's output is not recorded`);
  }

  /** @returns whether the note was written */
  #note(content: { code: string; lost: number | null; end: ExecutionEnd | null }): boolean {
    const { attempt, execution, dataDir } = this.#options;
    const spooled = this.#queue.spool?.position ?? null;
    try {
      const note: RecorderNote | undefined =
        this.#lock?.note ?? (content.end && dataDir !== undefined ? noteWithoutLock(dataDir, execution.id) : undefined);
      note?.write({ ...content, spooled, ...(spooled === null && { recording: { attempt, execution } }) });
      return note !== undefined;
    } catch {
      return false; // the terminal has been told, and nothing else can be
    }
  }

  /** Leaves a note of the end for whoever opens the store next. */
  #giveUp(end: ExecutionEnd): void {
    const lost = this.#queue.waitingLines + this.#queue.lostLines;
    const isNoted = this.#note({ code: this.#trouble ?? 'unknown', lost, end });
    const what =
      lost === 0 ? 'the end of the command is' : `the end and the last ${counted(lost, 'line')} of the command are`;
    const next = isNoted ? '; the next node-agent that can write to the store notes there what is missing' : '';
    this.#options.warn(`${what} not recorded${next}`);
  }
}

function timeStamp(): number {
  return new Date().getTime();
}
