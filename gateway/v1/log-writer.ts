/**
 * The steps in which version 1's ingest reads and writes an execution's stored lines. Each is tried again by itself
 * while the database is away, and repeating it changes nothing more: whoever calls them counts lines once.
 */
import { createHash } from 'node:crypto';
import { LineMatcher } from '../../protocol/v1/line-matcher.js';
import type { EncodedLine } from '../../protocol/v1/log-lines.js';
import type { Database } from '../../prisma/database.js';
import type { SessionFence } from '../../prisma/session.js';
import type { ComputedSync } from '../../prisma/queries/attempt-state.js';
import { needBackfill } from '../../prisma/queries/need-backfill.js';
import { noteGap } from '../../prisma/queries/v1/note-gap.js';
import { findStoredLog, isDropped, readStoredLines, type StoredLog } from '../../prisma/queries/v1/stored-log.js';
import { appendPages, moveLiveCursor, replaceLog, type MadePage } from '../../prisma/queries/v1/write-log.js';
import type { LogLine } from '../../protocol/page.js';
import { linesStored } from '../metrics.js';
import { inBatches, makePages } from './make-pages.js';

export interface LogWriterDeps {
  database: Database;
  session: SessionFence;
  /** Tries again while the database is away. */
  persist: <T>(write: () => Promise<T>) => Promise<T>;
  /** The attempt was marked as needing a backfill. @param sync its state; undefined if the node has no such attempt */
  needed: (sync: ComputedSync | undefined) => void;
}

export class LogWriterV1 {
  readonly #deps: LogWriterDeps;
  constructor(deps: LogWriterDeps) {
    this.#deps = deps;
  }

  /** @returns undefined if the node has no such execution */
  find(executionId: string): Promise<StoredLog | undefined> {
    const { database, session, persist } = this.#deps;
    return persist(() => findStoredLog(database, session.nodeId, executionId));
  }

  /**
   * Appends the lines, except the first `known` of them, with which the stored log already ends.
   * @param pushed whether the node has pushed them, so that the live cursor moves with the mark
   * @returns the log as it is then
   */
  async append(
    log: StoredLog,
    lines: readonly EncodedLine[],
    { known, pushed }: { known: number; pushed: boolean },
  ): Promise<StoredLog> {
    const { database, session, persist } = this.#deps;
    for await (const pages of inBatches(makePages(lines, { known, stored: log.storedLines }))) {
      await persist(() => appendPages(database, session, log, pages, pushed));
    }
    const added = Math.max(0, lines.length - known);
    linesStored.inc(added);
    const storedLines = log.storedLines + added;
    return { ...log, storedLines, liveCursor: pushed && added > 0 ? storedLines : log.liveCursor };
  }

  /** Replaces the stored log, under the next epoch. @returns the log as it is then */
  async replace(log: StoredLog, lines: readonly EncodedLine[]): Promise<StoredLog> {
    const { database, session, persist } = this.#deps;
    const pages: MadePage[] = [];
    for await (const page of makePages(lines, { known: 0, stored: 0 })) pages.push(page);
    await persist(() => replaceLog(database, session, log, pages));
    linesStored.inc(lines.length);
    return { ...log, epoch: log.epoch + 1, storedLines: lines.length, liveCursor: 0 };
  }

  /** The node has pushed the stored lines up to this one. */
  async moveCursor(log: StoredLog, cursor: number): Promise<void> {
    const { database, session, persist } = this.#deps;
    await persist(() => moveLiveCursor(database, session, log, cursor));
  }

  /** A pushed batch is not stored, because lines before it may be missing. A backfill brings it, and them. */
  async lose(log: StoredLog, lines: readonly EncodedLine[]): Promise<void> {
    const last = lines.at(-1);
    await this.noteGap(log, last && hashOf(last));
  }

  /** Lines of the execution may be missing that the node does not push again. */
  async noteGap(log: { executionId: string; attemptId: string }, lostLine?: string): Promise<void> {
    const { database, session, persist, needed } = this.#deps;
    needed(await persist(() => noteGap(database, session, log, lostLine)));
  }

  /** What the hive has of the attempt may not be everything. */
  async need(attemptId: string): Promise<void> {
    const { database, session, persist, needed } = this.#deps;
    needed(await persist(() => needBackfill(database, session, attemptId)));
  }

  /** @returns whether no backfill lists the execution */
  isDropped(log: StoredLog): Promise<boolean> {
    return this.#deps.persist(() => isDropped(this.#deps.database, log));
  }

  /** @returns whether the batch, taken as the log's lines from number `from + 1` on, equals what is stored there */
  agrees(log: StoredLog, lines: readonly EncodedLine[], from: number): Promise<boolean> {
    return this.#deps.persist(async () => {
      if (from > log.storedLines) return false;
      let index = 0;
      for await (const run of readStoredLines(this.#deps.database, log, from)) {
        for (const line of run) {
          if (index === lines.length) return true;
          if (lines[index++]?.json !== line) return false;
        }
      }
      return true;
    });
  }

  /** Looks for the batch among the stored lines after the first `after`. */
  locate(log: StoredLog, after: number, lines: readonly EncodedLine[]): Promise<LineMatcher> {
    return this.#deps.persist(async () => {
      const matcher = new LineMatcher(lines.map((line) => line.json));
      for await (const run of readStoredLines(this.#deps.database, log, after)) {
        if (run.some((line) => matcher.next(line))) break;
      }
      return matcher;
    });
  }

  /** @returns the first `count` stored lines */
  read(log: StoredLog, count: number): Promise<EncodedLine[]> {
    return this.#deps.persist(async () => {
      const lines: EncodedLine[] = [];
      for await (const run of readStoredLines(this.#deps.database, log, 0)) {
        for (const json of run) lines.push({ json, outputType: (JSON.parse(json) as LogLine).output_type });
        if (lines.length >= count) break;
      }
      return lines.slice(0, count);
    });
  }
}

/**
 * Looks in a whole log, part by part, for the pushed line that was lost last (`live_lost_line`): the node has pushed the
 * log up to there.
 */
export class LostLine {
  readonly #log: StoredLog;
  #place: number | undefined;

  constructor(log: StoredLog) {
    this.#log = log;
  }

  /** @param from the number of the log's lines before these */
  see(lines: readonly EncodedLine[], from: number): void {
    const { liveLostLine, liveCursor } = this.#log;
    if (liveLostLine === null || (this.#place !== undefined && this.#place > liveCursor)) return;
    for (const [index, line] of lines.entries()) {
      const place = from + index + 1;
      // the node may have begun to push the log again, so a place before the cursor counts as well, if there is no other
      if ((place <= liveCursor && this.#place !== undefined) || hashOf(line) !== liveLostLine) continue;
      this.#place = place;
      if (place > liveCursor) return;
    }
  }

  /** @returns the number of the lost line; undefined if it was not among the lines */
  get place(): number | undefined {
    return this.#place;
  }
}

function hashOf(line: EncodedLine): string {
  return createHash('sha256').update(line.json).digest('hex');
}
