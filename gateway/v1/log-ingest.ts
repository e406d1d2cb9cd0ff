/**
 * Stores version 1's logs_batch frames. Their entries can only be told apart by position, time and content, and a batch
 * does not say whether it was pushed live or is a whole log that was asked for. docs/protocol-v1.md tells what happens
 * in each case. The rule behind it: pushed lines are only appended to a log that this connection has followed from its
 * start, or from a whole log that it brought, because only then no line before them can have been lost.
 */
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { MAX_LIVE_BATCH_ENTRIES, type NodeDataV1 } from '../../protocol/v1/frames.js';
import { LineMatcher } from '../../protocol/v1/line-matcher.js';
import { entryLines, lengthOf, type EncodedLine } from '../../protocol/v1/log-lines.js';
import type { StoredLog } from '../../prisma/queries/v1/stored-log.js';
import { pagesRejected } from '../metrics.js';
import type { AnsweredLog, BackfillWindow } from './backfill-window.js';
import { LostLine, LogWriterV1, type LogWriterDeps } from './log-writer.js';

/**
 * What a batch may be other than live: part of an answer that this connection or an earlier one asked for.
 */
export interface BatchContext {
  /** The open request of this connection; undefined if there is none. */
  window: BackfillWindow | undefined;
  /** Whether the node still owes an answer that an earlier connection asked for. */
  isOwedFromBefore: boolean;
}

export interface LogIngestDeps extends LogWriterDeps {
  logger: Logger;
  /** @returns which requests about the attempt are open */
  contextOf(attemptId: string): BatchContext;
  /** Lines of an attempt came whose execution has not ended, as far as the hive knows. */
  linesCame(attemptId: string): void;
}

/** The number of entries that are converted before other work gets a turn. */
const ENTRIES_AT_ONCE = 5000;
/** The parts in which our own node agent sends a log are larger, except for the last one. */
const MIN_PART_LENGTH = 4 * 1024 * 1024;
/** Of an execution that is forgotten, the next pushed lines cost a backfill. */
const MAX_FOLLOWED = 10_000;

export class LogIngestV1 {
  readonly #deps: LogIngestDeps;
  readonly #writer: LogWriterV1;
  /** Executions of which this connection has missed no pushed line after the stored ones. */
  readonly #followed = new LRUCache<string, true>({ max: MAX_FOLLOWED });
  /** Executions of which lines came that were not stored, because the hive did not know the execution. */
  readonly #lostBegin = new LRUCache<string, true>({ max: MAX_FOLLOWED });

  constructor(deps: LogIngestDeps) {
    this.#deps = deps;
    this.#writer = new LogWriterV1(deps);
  }

  /** The node has announced a new execution unasked, so that its lines follow, unless some have come before. */
  async begin(executionId: string): Promise<void> {
    if (this.#lostBegin.delete(executionId)) await this.distrust(executionId);
    else this.follow(executionId);
  }

  /** What the connection brings of the execution from now on follows the stored lines. */
  follow(executionId: string): void {
    this.#followed.set(executionId, true);
  }

  /**
   * A batch of the execution was skipped, or could not be stored. Lines that come later no longer follow the stored
   * ones, and what open requests bring of it is not the whole log.
   */
  async distrust(executionId: string): Promise<void> {
    this.#followed.delete(executionId);
    const log = await this.#writer.find(executionId);
    if (!log) {
      this.#lostBegin.set(executionId, true);
      return;
    }
    const { window } = this.#deps.contextOf(log.attemptId);
    window?.unsettled.add(executionId);
    window?.answered.delete(executionId);
    await this.#writer.noteGap(log);
  }

  async take(batch: NodeDataV1<'logs_batch'>): Promise<void> {
    const log = await this.#writer.find(batch.execution_process_id);
    if (!log) {
      pagesRejected.inc({ reason: 'unknown_execution' });
      this.#deps.logger.warn({ executionId: batch.execution_process_id }, 'log batch of an unknown execution ignored');
      this.#followed.delete(batch.execution_process_id);
      this.#lostBegin.set(batch.execution_process_id, true);
      await this.#writer.need(batch.assignment_id); // the attempt's id, if there is no assignment
      return;
    }
    const lines = await linesOf(batch.entries);
    if (!lines) {
      pagesRejected.inc({ reason: 'bad_line' });
      this.#deps.logger.warn({ executionId: log.executionId }, 'log batch with an entry of an unknown shape ignored');
      await this.distrust(log.executionId);
      return;
    }
    if (lines.length === 0) return;
    if (!log.hasEnded) this.#deps.linesCame(log.attemptId);
    const isSurelyAnswer = batch.entries.length > MAX_LIVE_BATCH_ENTRIES;
    const { window, isOwedFromBefore } = this.#deps.contextOf(log.attemptId);
    if (window?.listed.has(log.executionId)) await this.#takeInWindow(window, log, lines, isSurelyAnswer);
    else if (isOwedFromBefore) await this.#takeLateAnswer(log, lines, isSurelyAnswer);
    else await this.#takeLive(window, log, lines);
  }

  /**
   * Decides at the end of a backfill what its deferred batches were.
   * @param isWhole whether the node sent everything
   */
  async endWindow(window: BackfillWindow, isWhole: boolean): Promise<void> {
    for (const executionId of window.withDeferred) {
      const batches = window.takeDeferred(executionId);
      if (isWhole && !window.unsettled.has(executionId)) await this.#tellApart(window, executionId, batches);
      else await this.#takeAllLive(window, executionId, batches);
    }
    if (!isWhole) return;
    for (const [executionId, { through }] of window.answered) await this.#cutOff(window, executionId, through);
  }

  /** The window's batches so far belong to an older answer. */
  async startOver(window: BackfillWindow): Promise<void> {
    for (const executionId of window.withDeferred) {
      window.takeDeferred(executionId);
      await this.distrust(executionId);
    }
    window.startOver();
  }

  /** A batch behind its execution's description in an open window: the whole log or its first part, or live. */
  async #takeInWindow(
    window: BackfillWindow,
    log: StoredLog,
    lines: EncodedLine[],
    isSurelyAnswer: boolean,
  ): Promise<void> {
    const { executionId } = log;
    const answered = window.answered.get(executionId);
    if (answered) return this.#takeAfterAnswer(window, log, lines, answered);
    // any batch agrees with nothing, even a live one whose predecessors were lost
    const canTell = log.storedLines > 0 || this.#isFollowed(log);
    if (canTell && (await this.#writer.agrees(log, lines, 0))) {
      await this.#takeWhole(window, log, lines);
    } else if (isSurelyAnswer) {
      await this.#tellApart(window, executionId, [...window.takeDeferred(executionId), lines], true);
    } else {
      await this.#defer(window, log, lines);
    }
  }

  async #defer(window: BackfillWindow, { executionId }: StoredLog, lines: EncodedLine[]): Promise<void> {
    if (!window.defer(executionId, lines)) await this.distrust(executionId);
  }

  /**
   * One of the batches is the whole log, and the others are live. Live batches before it have lines that it has, too,
   * because the node pushed them earlier. Or all of them are the log's parts, one after another.
   * @param isLastSurelyAnswer whether the last one is the whole log or a part of it
   */
  async #tellApart(
    window: BackfillWindow,
    executionId: string,
    batches: EncodedLine[][],
    isLastSurelyAnswer = false,
  ): Promise<void> {
    const log = await this.#writer.find(executionId);
    if (!log) return;
    const last = batches.length - 1;
    const mayBeParts = batches.slice(0, last).every(mayGoOn);
    const found = batches.findLastIndex((one, index) => batches.slice(0, index).every((other) => contains(one, other)));
    const whole = isLastSurelyAnswer && !mayBeParts ? last : found;
    if (whole === 0 && mayBeParts) return this.#takeWhole(window, log, batches.flat());
    await this.#takeWhole(window, log, batches[whole] ?? []);
    await this.#takeAllLive(
      window,
      executionId,
      batches.filter((_lines, index) => index !== whole),
    );
  }

  /** Brings the stored log in line with the node's, as far as it has come. */
  async #takeWhole(window: BackfillWindow, log: StoredLog, lines: EncodedLine[]): Promise<void> {
    const { executionId } = log;
    const isBeginning = await this.#writer.agrees(log, lines, 0);
    const now = isBeginning ? await this.#extend(window, log, lines, 0) : await this.#replace(window, log, lines);
    if (!now) return;
    await this.#findLostLine(log, now, lines, 0);
    await this.wholeTaken(window, executionId, { through: lines.length, mayGoOn: mayGoOn(lines) });
  }

  /** The whole log, or its first part, has been stored. So what was deferred was live. */
  async wholeTaken(window: BackfillWindow, executionId: string, answered: AnsweredLog): Promise<void> {
    window.answered.set(executionId, answered);
    await this.#takeAllLive(window, executionId, window.takeDeferred(executionId));
  }

  /**
   * A batch after one with the start of the log: the log's next part (our own node agent sends parts), or a live batch.
   */
  async #takeAfterAnswer(
    window: BackfillWindow,
    log: StoredLog,
    lines: EncodedLine[],
    { through, mayGoOn: mayBePart }: AnsweredLog,
  ): Promise<void> {
    const isNext = await this.#writer.agrees(log, lines, through);
    // what was taken for the log was its beginning, pushed live; this is the log
    const mayBeWhole = lines.length > through && !(isNext && mayBePart);
    if (mayBeWhole && (await this.#writer.agrees(log, lines, 0))) return this.#takeWhole(window, log, lines);
    if (!isNext || through === log.storedLines) {
      const { liveCursor, storedLines } = log;
      const { matched } = await this.#writer.locate(log, Math.min(liveCursor, storedLines), lines);
      if (matched === lines.length) return this.#takeLive(window, log, lines);
      if (!isNext) return this.#defer(window, log, lines);
      if (matched > 0 && !(mayBePart && log.hasEnded)) {
        this.#noteAppended(window, log);
        await this.#writer.append(log, lines, { known: matched, pushed: false });
        return;
      }
    }
    const now = await this.#extend(window, log, lines, through);
    window.answered.set(log.executionId, { through: through + lines.length, mayGoOn: mayGoOn(lines) });
    await this.#findLostLine(log, now, lines, through);
  }

  /** The rest of an answer that an earlier connection asked for: its new lines are stored, but it completes nothing. */
  async #takeLateAnswer(log: StoredLog, lines: EncodedLine[], isSurelyAnswer: boolean): Promise<void> {
    const saysSomething = log.storedLines > 0 || isSurelyAnswer;
    if (saysSomething && (await this.#writer.agrees(log, lines, 0))) {
      await this.#extend(undefined, log, lines, 0);
      return;
    }
    const matcher = await this.#writer.locate(log, 0, lines);
    if (matcher.matched < lines.length) await this.distrust(log.executionId);
  }

  async #takeAllLive(window: BackfillWindow, executionId: string, batches: EncodedLine[][]): Promise<void> {
    for (const lines of batches) {
      const log = await this.#writer.find(executionId);
      if (log) await this.#takeLive(window, log, lines);
    }
  }

  async #takeLive(window: BackfillWindow | undefined, log: StoredLog, lines: EncodedLine[]): Promise<void> {
    const isFollowing = this.#isFollowed(log) || window?.answered.has(log.executionId) === true;
    if (log.liveCursor >= log.storedLines) {
      if (isFollowing || (await this.#writer.isDropped(log))) await this.#append(window, log, lines, 0);
      else await this.#lose(window, log, lines);
      return;
    }
    const matcher = await this.#writer.locate(log, log.liveCursor, lines);
    if (matcher.matched === lines.length) {
      await this.#writer.moveCursor(log, log.liveCursor + matcher.read);
    } else if (isFollowing || (await this.#writer.isDropped(log))) {
      // All that was pushed before is stored. So the batch begins no later than right behind it.
      await this.#append(window, log, lines, matcher.matched);
    } else {
      await this.#lose(window, log, lines);
    }
  }

  #isFollowed(log: StoredLog): boolean {
    return !log.hasGap && this.#followed.has(log.executionId);
  }

  /** Appends pushed lines, except the first `known` of them, with which the stored log already ends. */
  async #append(
    window: BackfillWindow | undefined,
    log: StoredLog,
    lines: EncodedLine[],
    known: number,
  ): Promise<void> {
    if (window) this.#noteAppended(window, log);
    await this.#writer.append(log, lines, { known, pushed: true });
    if (log.hasEnded) await this.#writer.need(log.attemptId); // a backfill may have compared the whole log without these lines
  }

  /** The answer may be older than what was appended. */
  #noteAppended(window: BackfillWindow, { executionId, hasEnded }: StoredLog): void {
    window.appended.add(executionId);
    if (hasEnded) window.unsettled.add(executionId);
  }

  /** Lines before these may be missing, so these can't be appended. */
  async #lose(window: BackfillWindow | undefined, log: StoredLog, lines: EncodedLine[]): Promise<void> {
    window?.lost.add(log.executionId);
    await this.#writer.lose(log, lines);
  }

  /** Appends the lines of a log that are not stored yet. @param lines the log's lines from number `from + 1` on */
  async #extend(
    window: BackfillWindow | undefined,
    log: StoredLog,
    lines: EncodedLine[],
    from: number,
  ): Promise<StoredLog> {
    const known = Math.min(lines.length, log.storedLines - from);
    const now = await this.#writer.append(log, lines, { known, pushed: false });
    if (window) window.linesStored += lines.length - known;
    return now;
  }

  /**
   * Replaces the stored log with the node's. Whatever was stored before the node was asked is in its answer; only lines
   * that were pushed since may be newer.
   * @returns the log as it is then; undefined if it has to be asked for again
   */
  async #replace(window: BackfillWindow, log: StoredLog, lines: EncodedLine[]): Promise<StoredLog | undefined> {
    if (window.appended.has(log.executionId)) {
      window.unsettled.add(log.executionId);
      return undefined;
    }
    const now = await this.#writer.replace(log, lines);
    this.#deps.logger.warn({ executionId: log.executionId }, 'stored log differed from the node’s and was replaced');
    window.linesStored += lines.length;
    return now;
  }

  /** Removes stored lines beyond line `through`, at which the node's log ends. */
  async #cutOff(window: BackfillWindow, executionId: string, through: number): Promise<void> {
    const log = await this.#writer.find(executionId);
    if (!log || log.storedLines <= through || window.appended.has(executionId)) return;
    await this.#replace(window, log, await this.#writer.read(log, through));
  }

  /** @param before the log before the lines were stored; @param from how many lines of it come before these */
  async #findLostLine(before: StoredLog, now: StoredLog, lines: EncodedLine[], from: number): Promise<void> {
    const lost = new LostLine(before);
    lost.see(lines, from);
    if (lost.place !== undefined) await this.#writer.moveCursor(now, lost.place);
  }
}

/** @returns whether it is so large that our own node agent may send another part of the log after it */
function mayGoOn(lines: readonly EncodedLine[]): boolean {
  return lengthOf(lines) >= MIN_PART_LENGTH;
}

/** @returns whether the log has the batch, or ends with its beginning */
function contains(log: readonly EncodedLine[], batch: readonly EncodedLine[]): boolean {
  const matcher = new LineMatcher(batch.map((line) => line.json));
  for (const line of log) if (matcher.next(line.json)) break;
  return matcher.matched > 0;
}

/** Lets other work run in between. @returns the batch's lines; undefined if an entry is not a log line */
async function linesOf(entries: unknown[]): Promise<EncodedLine[] | undefined> {
  const lines: EncodedLine[] = [];
  for (const [index, entry] of entries.entries()) {
    if (index > 0 && index % ENTRIES_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    const made = entryLines(entry);
    if (!made) return undefined;
    lines.push(...made);
  }
  return lines;
}
