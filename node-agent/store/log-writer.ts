/**
 * The lines of one execution on their way into the store. A full page is sealed: it is stored in the form in which it
 * is sent. The lines after the last sealed page are rows, each in the form that it has in a page.
 */
import { PAGE_TARGET_LINES, PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import { encodePageSync } from '../../protocol/page.js';
import { NodeAgentError } from '../errors.js';
import type { Store } from './open.js';
import type { Page } from './pages.js';
import {
  DELETE_LINES,
  INSERT_LINE,
  INSERT_SEALED_PAGE,
  SELECT_LINES,
  SELECT_SEALED_THROUGH,
  SET_LOG_LINES,
} from './sql.js';

/** Consecutive lines that differ in their contents only; "binary": each byte as one character. */
interface Run {
  before: string;
  contents: readonly string[];
  after: string;
}

/**
 * Lines are added outside the write transaction, because sealing compresses them: while a transaction is open, every
 * other process that writes to the store has to wait.
 */
export class LogWriter {
  /** The last line that is in a page, stored or not. */
  #sealed: number;
  #unsealed: Run[] = [];
  #unsealedLines = 0;
  #unsealedBytes = 0;
  #pages: Page[] = [];
  #pageBytes = 0;
  #stored: { lines: number; sealed: number; rows: number; rowBytes: number };

  private constructor(lines: number, sealed: number) {
    this.#sealed = sealed;
    this.#stored = { lines, sealed, rows: 0, rowBytes: 0 };
  }

  /** For an execution without lines. */
  static atStart(): LogWriter {
    return new LogWriter(0, 0);
  }

  /** For an execution with this many lines in the store. */
  static resume(store: Store, executionKey: number, logLines: number): LogWriter {
    const sealed = store.value(SELECT_SEALED_THROUGH, executionKey) as number;
    const writer = new LogWriter(logLines, sealed);
    const rows = store.prepare<{ line: string }>(SELECT_LINES).all(executionKey, sealed, logLines);
    for (const { line } of rows) writer.add(line);
    writer.#stored.rows = rows.length;
    writer.#stored.rowBytes = writer.#unsealedBytes;
    return writer;
  }

  /** Number of the last line. */
  get lines(): number {
    return this.#sealed + this.#unsealedLines;
  }

  /** Number of the last line that is in the store. */
  get storedLines(): number {
    return this.#stored.lines;
  }

  get pendingLines(): number {
    return this.lines - this.#stored.lines;
  }

  /** What the lines that are not in the store take up; those in a full page are compressed. */
  get pendingBytes(): number {
    return this.#pages.length > 0 ? this.#pageBytes + this.#unsealedBytes : this.#unsealedBytes - this.#stored.rowBytes;
  }

  /** @param line encoded as in a page */
  add(line: string): void {
    this.addRun('', [Buffer.from(line).toString('latin1')], '');
  }

  /**
   * Adds a line for each content, encoded as in a page with `before` and `after` around it. All are "binary": UTF-8
   * with each byte as one character.
   */
  addRun(before: string, contents: readonly string[], after: string): void {
    const around = before.length + after.length + 1;
    let start = 0;
    const take = (end: number): void => {
      if (end > start) this.#unsealed.push({ before, contents: contents.slice(start, end), after });
      start = end;
    };
    for (let index = 0; index < contents.length; index++) {
      const bytes = (contents[index]?.length ?? 0) + around;
      if (this.#unsealedBytes + bytes > PAGE_TARGET_RAW_BYTES) {
        take(index);
        this.seal();
      }
      this.#unsealedLines++;
      this.#unsealedBytes += bytes;
      if (this.#unsealedLines === PAGE_TARGET_LINES) {
        take(index + 1);
        this.seal();
      }
    }
    take(contents.length);
  }

  /** Makes a page of the lines that are not in one yet, if there are any. */
  seal(): void {
    if (this.#unsealedLines === 0) return;
    const ndjson = this.#unsealed.map(textOf).join('\n');
    // a copy, because zlib's own buffer is several times as large
    const gzip = Buffer.from(encodePageSync(Buffer.from(`${ndjson}\n`, 'latin1')));
    const firstSeq = this.#sealed + 1;
    this.#sealed = this.lines;
    this.#pages.push({ firstSeq, lastSeq: this.#sealed, gzip });
    this.#pageBytes += gzip.length;
    this.#unsealed = [];
    this.#unsealedLines = 0;
    this.#unsealedBytes = 0;
  }

  /**
   * Stores what was added. To be called in a write transaction; {@link committed} follows it.
   * @throws NodeAgentError `sealed` if the execution has ended in the store, or has other lines than this writer knows
   */
  write(store: Store, executionKey: number): void {
    const { lines, sealed, rows } = this.#stored;
    if (this.pendingLines === 0 && this.#pages.length === 0) return;
    if (store.prepare(SET_LOG_LINES).run(this.lines, executionKey, lines).changes === 0) {
      throw new NodeAgentError('sealed', 'another process has ended this execution in the store');
    }
    if (this.#pages.length > 0 && lines > sealed) store.prepare(DELETE_LINES).run(executionKey, sealed);
    const insertPage = store.prepare(INSERT_SEALED_PAGE);
    for (const { firstSeq, lastSeq, gzip } of this.#pages) insertPage.run(executionKey, firstSeq, lastSeq, gzip);
    const insertRow = store.prepare(INSERT_LINE);
    const stored = this.#pages.length > 0 ? 0 : rows;
    let seq = this.#sealed;
    for (const { before, contents, after } of this.#unsealed) {
      for (const content of contents) {
        if (++seq <= this.#sealed + stored) continue;
        insertRow.run(executionKey, seq, Buffer.from(`${before}${content}${after}`, 'latin1').toString());
      }
    }
  }

  /** Takes note that the transaction of the last {@link write} was committed. */
  committed(): void {
    this.#pages = [];
    this.#pageBytes = 0;
    const [rows, rowBytes] = [this.#unsealedLines, this.#unsealedBytes];
    this.#stored = { lines: this.lines, sealed: this.#sealed, rows, rowBytes };
  }
}

function textOf({ before, contents, after }: Run): string {
  return `${before}${contents.join(`${after}\n${before}`)}${after}`;
}
