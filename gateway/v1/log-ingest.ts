/**
 * Stores version 1's logs_batch frames. Their entries can only be told apart by position, time and content, and a batch
 * does not say whether it was pushed live or is a whole log that was asked for. docs/protocol-v1.md tells what happens
 * in each case. The rule behind it: lines are only appended as long as the stored lines are, as far as the hive can
 * tell, the beginning of the node's log. A whole log that was asked for after the execution had ended decides in the
 * end.
 */
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { MAX_LIVE_BATCH_ENTRIES, type NodeDataV1 } from '../../protocol/v1/frames.js';
import { LineMatcher } from '../../protocol/v1/line-matcher.js';
import { entryLines, type EncodedLine } from '../../protocol/v1/log-lines.js';
import type { Database } from '../../prisma/database.js';
import type { SessionFence } from '../../prisma/session.js';
import type { ComputedSync } from '../../prisma/queries/attempt-state.js';
import { needBackfill } from '../../prisma/queries/need-backfill.js';
import { findStoredLog, readStoredLines, type StoredLog } from '../../prisma/queries/v1/stored-log.js';
import { appendPages, moveLiveCursor, replaceLog } from '../../prisma/queries/v1/write-log.js';
import type { LogLine } from '../../protocol/page.js';
import { linesStored, pagesRejected } from '../metrics.js';
import type { BackfillWindow } from './backfill-window.js';
import { inBatches, makePages } from './make-pages.js';

/**
 * What a batch may be other than live: part of an answer that this connection or an earlier one asked for.
 */
export interface BatchContext {
  /** The open request of this connection; undefined if there is none. */
  window: BackfillWindow | undefined;
  /** Whether the node still owes an answer that an earlier connection asked for. */
  isOwedFromBefore: boolean;
}

export interface LogIngestDeps {
  database: Database;
  session: SessionFence;
  logger: Logger;
  /** @returns which requests about the attempt are open */
  contextOf(attemptId: string): BatchContext;
  /** The attempt was marked as needing a backfill. @param sync its state; undefined if the node has no such attempt */
  needed(sync: ComputedSync | undefined): void;
  /** Lines of an attempt came whose execution has not ended, as far as the hive knows. */
  linesCame(attemptId: string): void;
}

/** The number of entries that are converted before other work gets a turn. */
const ENTRIES_AT_ONCE = 5000;

export class LogIngestV1 {
  readonly #deps: LogIngestDeps;
  constructor(deps: LogIngestDeps) {
    this.#deps = deps;
  }

  async take(batch: NodeDataV1<'logs_batch'>): Promise<void> {
    const log = await this.#find(batch.execution_process_id);
    if (!log) {
      pagesRejected.inc({ reason: 'unknown_execution' });
      this.#deps.logger.warn({ executionId: batch.execution_process_id }, 'log batch of an unknown execution ignored');
      await this.#need(batch.assignment_id); // the attempt's id, if there is no assignment
      return;
    }
    const lines = await linesOf(batch.entries);
    if (!lines) {
      pagesRejected.inc({ reason: 'bad_line' });
      this.#deps.logger.warn({ executionId: log.executionId }, 'log batch with an entry of an unknown shape ignored');
      await this.#need(log.attemptId);
      return;
    }
    if (lines.length === 0) return;
    if (!log.hasEnded) this.#deps.linesCame(log.attemptId);
    const { window, isOwedFromBefore } = this.#deps.contextOf(log.attemptId);
    if (window?.listed.has(log.executionId)) await this.#takeAnswer(window, log, lines, batch.entries.length);
    else if (isOwedFromBefore) await this.#takeLateAnswer(log, lines);
    else await this.#takeLive(log, lines);
  }

  /**
   * Decides at the end of a backfill what its deferred batches were.
   * @param isWhole whether the node sent everything
   */
  async endWindow(window: BackfillWindow, isWhole: boolean): Promise<void> {
    for (const [executionId, deferred] of window.takeDeferred()) {
      for (const { lines } of deferred) {
        const log = await this.#find(executionId);
        if (!log) break;
        // the node sends the whole log of an execution that has lines, so a single batch must be it
        if (window.answered.has(executionId)) await this.#takeLive(log, lines);
        else if (deferred.length === 1) await this.#replace(window, log, lines);
        else window.unsettled.add(executionId);
      }
    }
    if (!isWhole) return;
    for (const [executionId, through] of window.answered) await this.#cutOff(window, executionId, through);
  }

  async #takeAnswer(window: BackfillWindow, log: StoredLog, lines: EncodedLine[], entries: number): Promise<void> {
    const through = window.answered.get(log.executionId) ?? 0;
    if (await this.#agrees(log, lines, 0)) {
      await this.#extend(window, log, lines, 0);
      window.answered.set(log.executionId, Math.max(through, lines.length));
    } else if (through > 0) {
      await this.#takeNextPart(window, log, lines, through);
    } else if (entries > MAX_LIVE_BATCH_ENTRIES) {
      await this.#replace(window, log, lines);
    } else {
      window.defer({ executionId: log.executionId, lines });
    }
  }

  /**
   * A batch after one with the start of the log: the log's next part (our own node agent sends parts), or a live batch.
   */
  async #takeNextPart(window: BackfillWindow, log: StoredLog, lines: EncodedLine[], through: number): Promise<void> {
    const isBehind = log.liveCursor < log.storedLines;
    const isNext = await this.#agrees(log, lines, through);
    if (isNext && through < log.storedLines) {
      await this.#extend(window, log, lines, through);
    } else if (isBehind && (await this.#locate(log, log.liveCursor, lines)).matched === lines.length) {
      await this.#takeLive(log, lines);
      return;
    } else if (!isNext) {
      window.defer({ executionId: log.executionId, lines });
      return;
    } else if (isBehind) {
      await this.#extend(window, log, lines, through);
    } else {
      await this.#append(log, lines, 0); // live or not, these lines come next
    }
    window.answered.set(log.executionId, through + lines.length);
  }

  /** The rest of an answer that an earlier connection asked for: its new lines are stored, but it completes nothing. */
  async #takeLateAnswer(log: StoredLog, lines: EncodedLine[]): Promise<void> {
    if (await this.#agrees(log, lines, 0)) {
      await this.#extend(undefined, log, lines, 0);
      return;
    }
    const matcher = await this.#locate(log, 0, lines);
    if (matcher.matched < lines.length) await this.#lose(log, lines);
  }

  async #takeLive(log: StoredLog, lines: EncodedLine[]): Promise<void> {
    if (log.liveCursor >= log.storedLines) {
      await this.#append(log, lines, 0);
      return;
    }
    const matcher = await this.#locate(log, log.liveCursor, lines);
    if (matcher.matched === lines.length) {
      const cursor = { cursor: log.liveCursor + matcher.read, lostLine: null };
      await moveLiveCursor(this.#deps.database, this.#deps.session, log, cursor);
    } else if (matcher.matched > 0) {
      await this.#append(log, lines, matcher.matched);
    } else {
      await this.#lose(log, lines);
    }
  }

  /** Appends pushed lines, except the first `known` of them, with which the stored log already ends. */
  async #append(log: StoredLog, lines: EncodedLine[], known: number): Promise<void> {
    for await (const pages of inBatches(makePages(lines, { known, stored: log.storedLines }))) {
      await appendPages(this.#deps.database, this.#deps.session, log, pages, true);
    }
    linesStored.inc(lines.length - known);
    if (log.hasEnded) await this.#need(log.attemptId); // a backfill may have compared the whole log without these lines
  }

  /** Appends the lines of a log that are not stored yet. @param lines the log's lines from number `from + 1` on */
  async #extend(window: BackfillWindow | undefined, log: StoredLog, lines: EncodedLine[], from: number): Promise<void> {
    const known = Math.min(lines.length, log.storedLines - from);
    for await (const pages of inBatches(makePages(lines, { known, stored: log.storedLines }))) {
      await appendPages(this.#deps.database, this.#deps.session, log, pages, false);
    }
    linesStored.inc(lines.length - known);
    if (window) window.linesStored += lines.length - known;
    if (log.liveLostLine === null) return;
    const { liveCursor } = log;
    const found = lines.findIndex((line, index) => from + index >= liveCursor && hashOf(line) === log.liveLostLine);
    if (found < 0) return;
    await moveLiveCursor(this.#deps.database, this.#deps.session, log, { cursor: from + found + 1, lostLine: null });
  }

  /** Replaces the stored log with the node's, unless the execution may have written more since it was asked for. */
  async #replace(window: BackfillWindow, log: StoredLog, lines: EncodedLine[]): Promise<void> {
    if (!(window.knownBefore.get(log.executionId)?.hadEnded ?? false)) {
      if (log.hasEnded) window.unsettled.add(log.executionId);
      return;
    }
    const pages = [];
    for await (const page of makePages(lines, { known: 0, stored: 0 })) pages.push(page);
    await replaceLog(this.#deps.database, this.#deps.session, log, pages);
    this.#deps.logger.warn({ executionId: log.executionId }, 'stored log differed from the node’s and was replaced');
    linesStored.inc(lines.length);
    window.linesStored += lines.length;
    window.answered.set(log.executionId, lines.length);
  }

  /** Removes stored lines beyond line `through`, at which the node's log of an ended execution ends. */
  async #cutOff(window: BackfillWindow, executionId: string, through: number): Promise<void> {
    const log = await this.#find(executionId);
    if (!log || log.storedLines <= through) return;
    const lines: EncodedLine[] = [];
    for await (const run of readStoredLines(this.#deps.database, log, 0)) {
      for (const json of run) lines.push({ json, outputType: (JSON.parse(json) as LogLine).output_type });
      if (lines.length >= through) break;
    }
    await this.#replace(window, log, lines.slice(0, through));
  }

  /** The batch matches nothing after the cursor. Lines before it are missing, so it can't be appended. */
  async #lose(log: StoredLog, lines: EncodedLine[]): Promise<void> {
    const last = lines.at(-1);
    const to = { cursor: log.liveCursor, lostLine: last ? hashOf(last) : null };
    await moveLiveCursor(this.#deps.database, this.#deps.session, log, to);
    await this.#need(log.attemptId);
  }

  async #need(attemptId: string): Promise<void> {
    this.#deps.needed(await needBackfill(this.#deps.database, this.#deps.session, attemptId));
  }

  #find(executionId: string): Promise<StoredLog | undefined> {
    return findStoredLog(this.#deps.database, this.#deps.session.nodeId, executionId);
  }

  /** @returns whether the batch, taken as the log's lines from number `from + 1` on, equals what is stored there */
  async #agrees(log: StoredLog, lines: EncodedLine[], from: number): Promise<boolean> {
    if (from > log.storedLines) return false;
    let index = 0;
    for await (const run of readStoredLines(this.#deps.database, log, from)) {
      for (const line of run) {
        if (index === lines.length) return true;
        if (lines[index++]?.json !== line) return false;
      }
    }
    return true;
  }

  /** Looks for the batch among the stored lines after the first `after`. */
  async #locate(log: StoredLog, after: number, lines: EncodedLine[]): Promise<LineMatcher> {
    const matcher = new LineMatcher(lines.map((line) => line.json));
    for await (const run of readStoredLines(this.#deps.database, log, after)) {
      if (run.some((line) => matcher.next(line))) break;
    }
    return matcher;
  }
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

function hashOf(line: EncodedLine): string {
  return createHash('sha256').update(line.json).digest('hex');
}
