/** Where a batch goes that is stored while it arrives: to the log that the hive has, by the rules of log-ingest.ts. */
import type { EncodedLine } from '../../protocol/v1/log-lines.js';
import type { NodeDataV1 } from '../../protocol/v1/frames.js';
import { markTooLarge, type TooLargeLog } from '../../prisma/queries/too-large.js';
import type { StoredLog } from '../../prisma/queries/v1/stored-log.js';
import { NodeRequestError } from '../interface.js';
import { linesStored } from '../metrics.js';
import type { BackfillWindow } from './backfill-window.js';
import type { LogIngestDeps, LogIngestV1 } from './log-ingest.js';
import { LostLine, type LogWriterV1 } from './log-writer.js';
import { WholeLog } from './whole-log.js';

/** Our own node agent sends a log in parts whose lines have less than 8 MiB; an original node sends it in one piece. */
const MAX_PART_BYTES = 16 * 1024 * 1024;

/** Which part of the log a batch is: it begins after this line, and another may follow. */
interface Part {
  after: number;
  mayGoOn: boolean;
}

export interface WholeBatchesDeps extends LogIngestDeps {
  logs: LogIngestV1;
  writer: LogWriterV1;
}

export class WholeBatches {
  readonly #deps: WholeBatchesDeps;

  constructor(deps: WholeBatchesDeps) {
    this.#deps = deps;
  }

  /** @returns undefined if the node has no such execution */
  find(executionId: string): Promise<StoredLog | undefined> {
    return this.#deps.writer.find(executionId);
  }

  /** Stores a batch that may be live. */
  take(batch: NodeDataV1<'logs_batch'>): Promise<void> {
    return this.#deps.logs.take(batch);
  }

  /** Not all of a batch was taken, so lines may be missing. */
  distrust(executionId: string): Promise<void> {
    return this.#deps.logs.distrust(executionId);
  }

  /** Begins to store a batch that has too many entries to be live. @param first its first lines @param bytes its size */
  async begin(log: StoredLog, first: readonly EncodedLine[], bytes: number): Promise<WholeBatch> {
    const { window: open } = this.#deps.contextOf(log.attemptId);
    const window = open?.listed.has(log.executionId) ? open : undefined;
    const { through } = window?.answered.get(log.executionId) ?? {};
    const isNext = through !== undefined && (await this.#deps.writer.agrees(log, first, through));
    const part = { after: isNext ? through : 0, mayGoOn: bytes <= MAX_PART_BYTES };
    return new WholeBatch(this.#deps, log, window, part);
  }

  /** A log of the attempt can't be taken. */
  async tooLarge(log: TooLargeLog): Promise<void> {
    const { database, session, logger, logs } = this.#deps;
    const { executionId, bytes, maxBytes } = log;
    logger.warn({ executionId, bytes, maxBytes }, 'log batch is too large');
    const attemptId = await this.#deps.persist(() => markTooLarge(database, session, log));
    if (attemptId === undefined) return;
    const { window } = this.#deps.contextOf(attemptId);
    if (window) window.failure = new NodeRequestError('too_large', 'a log of the attempt is too large');
    await logs.distrust(executionId);
  }
}

/** A whole log, or a part of one, whose lines come bit by bit. */
export class WholeBatch {
  readonly #deps: WholeBatchesDeps;
  readonly #log: StoredLog;
  readonly #window: BackfillWindow | undefined;
  readonly #whole: WholeLog;
  readonly #lost: LostLine;
  readonly #mayGoOn: boolean;
  #seen: number;

  constructor(deps: WholeBatchesDeps, log: StoredLog, window: BackfillWindow | undefined, { after, mayGoOn }: Part) {
    this.#deps = deps;
    this.#mayGoOn = mayGoOn;
    this.#log = log;
    this.#window = window;
    this.#lost = new LostLine(log);
    this.#seen = after;
    const isFirst = window !== undefined && !window.answered.has(log.executionId);
    this.#whole = new WholeLog(
      {
        ...deps,
        append: (at, lines) => this.#append(at, lines),
        mayReplace: isFirst && !window.appended.has(log.executionId),
      },
      log,
      this.#seen,
    );
  }

  /** Whether it differs from the stored log, which it may not replace. The rest of it is of no use. */
  get isRefused(): boolean {
    return this.#whole.isRefused;
  }

  async take(lines: readonly EncodedLine[]): Promise<void> {
    this.#lost.see(lines, this.#seen);
    this.#seen += lines.length;
    await this.#whole.take(lines);
  }

  /** All of it has come. */
  async finish(): Promise<void> {
    const { executionId } = this.#log;
    const { logs, logger, writer } = this.#deps;
    if (!(await this.#whole.finish())) {
      await logs.distrust(executionId);
      return;
    }
    const { linesReplaced } = this.#whole;
    if (linesReplaced > 0) {
      logger.warn({ executionId }, 'stored log differed from the node’s and was replaced');
      this.#count(linesReplaced);
    }
    if (!this.#window) return; // it completes nothing, because an earlier connection asked for it
    const now = await writer.find(executionId);
    if (now && this.#lost.place !== undefined) await writer.moveCursor(now, this.#lost.place);
    await logs.wholeTaken(this.#window, executionId, { through: this.#whole.through, mayGoOn: this.#mayGoOn });
  }

  /** The rest does not come. */
  abandon(): Promise<void> {
    return this.#whole.abandon();
  }

  async #append(log: StoredLog, lines: EncodedLine[]): Promise<StoredLog> {
    const now = await this.#deps.writer.append(log, lines, { known: 0, pushed: false }); // counts them too
    if (this.#window) this.#window.linesStored += lines.length;
    return now;
  }

  #count(lines: number): void {
    linesStored.inc(lines);
    if (this.#window) this.#window.linesStored += lines;
  }
}
