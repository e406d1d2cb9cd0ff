/**
 * Stores a whole log line by line, without holding it: as long as it agrees with the stored lines nothing is written,
 * what it has beyond them is appended, and from the first line that differs on it replaces them, under a new epoch.
 */
import { PAGE_TARGET_LINES, PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import type { EncodedLine } from '../../protocol/v1/log-lines.js';
import type { Database } from '../../prisma/database.js';
import type { SessionFence } from '../../prisma/session.js';
import { beginStaging, discardStaged, finishStaging, stagePages } from '../../prisma/queries/v1/stage-log.js';
import { readStoredLines, type StoredLog } from '../../prisma/queries/v1/stored-log.js';
import type { MadePage } from '../../prisma/queries/v1/write-log.js';
import { makePages } from './make-pages.js';

/** Pages that are written in one transaction; about 1 MiB of lines. */
const PAGES_AT_ONCE = 4;

export interface WholeLogDeps {
  database: Database;
  session: SessionFence;
  /** Does it again while the database is away. */
  persist: <T>(access: () => Promise<T>) => Promise<T>;
  /** Appends the lines that follow the stored ones. @returns the log with them */
  append: (log: StoredLog, lines: EncodedLine[]) => Promise<StoredLog>;
  /** Whether the log may replace the stored one if they differ. */
  mayReplace: boolean;
}

export class WholeLog {
  readonly #deps: WholeLogDeps;
  #log: StoredLog;
  #mode: 'comparing' | 'appending' | 'replacing' | 'refused' = 'comparing';
  /** Through which line of the log it has come. */
  #through: number;
  #runs: AsyncGenerator<string[]> | undefined;
  /** Stored lines that are compared next. */
  #run: string[] = [];
  #compared = 0;
  /** New lines, in pages that are complete, and the rest. */
  #lines: EncodedLine[] = [];
  #pages = 0;
  #inPages = 0;
  #pageLines = 0;
  #pageBytes = 0;
  #linesReplaced = 0;

  /** @param after the stored line after which the lines begin that come */
  constructor(deps: WholeLogDeps, log: StoredLog, after: number) {
    this.#deps = deps;
    this.#log = log;
    this.#through = after;
  }

  /** Whether it differs from the stored log, which it may not replace. */
  get isRefused(): boolean {
    return this.#mode === 'refused';
  }

  get through(): number {
    return this.#through;
  }

  /** How many lines have replaced stored ones; 0 if none differed. */
  get linesReplaced(): number {
    return this.#linesReplaced;
  }

  async take(lines: readonly EncodedLine[]): Promise<void> {
    for (let index = 0; index < lines.length && this.#mode !== 'refused';) {
      if (this.#mode === 'comparing') {
        index += await this.#compare(lines, index);
        continue;
      }
      const line = lines[index++];
      if (line) this.#add(line);
      if (this.#pages >= PAGES_AT_ONCE) await this.#write(this.#inPages);
    }
  }

  /** The log is complete. @returns whether it is stored, or at least agrees; false if it is refused */
  async finish(): Promise<boolean> {
    await this.#write(this.#lines.length);
    if (this.#mode !== 'replacing') return this.#mode !== 'refused';
    const { database, session, persist } = this.#deps;
    const isWhole = await persist(() => finishStaging(database, session, this.#log, this.#through));
    this.#mode = isWhole ? 'appending' : 'refused';
    return isWhole;
  }

  /** The rest does not come. What was appended stays, because it is the node's. */
  async abandon(): Promise<void> {
    if (this.#mode === 'replacing') await discardStaged(this.#deps.database, this.#log);
    this.#mode = 'refused';
  }

  /** @returns how many of the lines from `index` on equal stored ones */
  async #compare(lines: readonly EncodedLine[], index: number): Promise<number> {
    if (this.#compared === this.#run.length && !(await this.#nextRun())) {
      // fewer stored lines than there should be can only be replaced
      if (this.#through >= this.#log.storedLines) this.#mode = 'appending';
      else await this.#differ();
      return 0;
    }
    let equal = 0;
    while (this.#compared < this.#run.length && index + equal < lines.length) {
      if (lines[index + equal]?.json !== this.#run[this.#compared]) {
        await this.#differ();
        break;
      }
      equal++;
      this.#compared++;
      this.#through++;
    }
    return equal;
  }

  async #nextRun(): Promise<boolean> {
    const { database, persist } = this.#deps;
    return persist(async () => {
      this.#runs ??= readStoredLines(database, this.#log, this.#through);
      try {
        const next = await this.#runs.next();
        if (next.done === true) return false;
        this.#run = next.value;
        this.#compared = 0;
        return true;
      } catch (error) {
        this.#runs = undefined; // a generator that has failed is at its end
        throw error;
      }
    });
  }

  async #differ(): Promise<void> {
    this.#run = [];
    this.#compared = 0;
    const { database, session, persist, mayReplace } = this.#deps;
    this.#mode = mayReplace ? 'replacing' : 'refused';
    if (mayReplace) await persist(() => beginStaging(database, session, this.#log, this.#through));
  }

  #add(line: EncodedLine): void {
    const bytes = Buffer.byteLength(line.json) + 1;
    const isFull = this.#pageLines === PAGE_TARGET_LINES || this.#pageBytes + bytes > PAGE_TARGET_RAW_BYTES;
    if (isFull && this.#pageLines > 0) {
      this.#pages++;
      this.#inPages = this.#lines.length;
      this.#pageLines = 0;
      this.#pageBytes = 0;
    }
    this.#lines.push(line);
    this.#pageLines++;
    this.#pageBytes += bytes;
  }

  /** Writes the first `count` of the new lines. */
  async #write(count: number): Promise<void> {
    const lines = this.#lines.splice(0, count);
    this.#pages = 0;
    this.#inPages = 0;
    if (lines.length === 0) return;
    const { database, session, persist, append } = this.#deps;
    if (this.#mode === 'replacing') {
      const pages: MadePage[] = [];
      for await (const page of makePages(lines, { known: 0, stored: this.#through })) pages.push(page);
      await persist(() => stagePages(database, session, this.#log, pages));
      this.#linesReplaced += lines.length;
    } else {
      this.#log = await append(this.#log, lines);
    }
    this.#through += lines.length;
  }
}
