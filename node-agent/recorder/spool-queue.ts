/** What a recorder appends to its spool, kept in memory while the disk refuses it. */
import type { SpoolWriter } from './spool-writer.js';
import type { FrameKind, LostOutput } from './spool-frames.js';

interface Waiting {
  kind: FrameKind;
  content: Buffer;
  time: number;
}

const NEWLINE = 0x0a;

export class SpoolQueue {
  readonly #create: () => SpoolWriter;
  readonly #bufferBytes: number;
  #spool: SpoolWriter | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #lostLines = 0;
  #hasLost = false;
  #lastCode = 'unknown';

  /** @param create called until it succeeds */
  constructor(create: () => SpoolWriter, bufferBytes: number) {
    this.#create = create;
    this.#bufferBytes = bufferBytes;
  }

  get spool(): SpoolWriter | undefined {
    return this.#spool;
  }

  /** Whether something waits in memory, or has been lost since. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0 || this.#hasLost;
  }

  /** Lines that have been lost, and of which the spool does not say so yet. */
  get lostLines(): number {
    return this.#lostLines;
  }

  /** Lines that are only in memory. */
  get waitingLines(): number {
    return this.#waiting.reduce((sum, frame) => sum + linesOf(frame), 0);
  }

  /** @throws Error if the disk refuses the spool */
  open(): SpoolWriter {
    return (this.#spool ??= this.#create());
  }

  /**
   * Appends to the spool.
   * @throws Error if the disk refuses it; it is kept in memory then
   */
  append(kind: FrameKind, content: Buffer, time: number): void {
    if (this.isWaiting) {
      this.#keep({ kind, content, time });
      return;
    }
    try {
      this.open().append(kind, content, time);
    } catch (error) {
      this.#keep({ kind, content, time });
      throw error;
    }
  }

  /** Loses output on purpose: there is no room for it. */
  lose(content: Buffer, code: string): void {
    this.#hasLost = true;
    this.#lastCode = code;
    this.#lostLines += newlinesOf(content);
  }

  /**
   * Appends what waits in memory, and what was lost.
   * @returns how many lines were lost
   * @throws Error if the disk refuses it
   */
  retry(time: number): number {
    const spool = this.open();
    while (this.#waiting[0]) {
      const { kind, content, time: readAt } = this.#waiting[0];
      spool.append(kind, content, readAt);
      this.#waitingBytes -= content.length;
      this.#waiting.shift();
    }
    const lines = this.#lostLines;
    if (this.#hasLost) {
      const lost: LostOutput = { lines, code: this.#lastCode };
      spool.append('lost', Buffer.from(JSON.stringify(lost)), time);
    }
    this.#hasLost = false;
    this.#lostLines = 0;
    return lines;
  }

  /** Names why the disk refuses it. */
  set code(code: string) {
    this.#lastCode = code;
  }

  #keep(frame: Waiting): void {
    // once output is lost, so is what follows it, so that the store tells where it is missing
    if (this.#hasLost || this.#waitingBytes + frame.content.length > this.#bufferBytes) {
      this.#hasLost = true;
      this.#lostLines += linesOf(frame);
      return;
    }
    this.#waiting.push({ ...frame, content: Buffer.from(frame.content) });
    this.#waitingBytes += frame.content.length;
  }
}

function linesOf({ kind, content }: Waiting): number {
  return kind === 'stdout' || kind === 'stderr' ? newlinesOf(content) : kind === 'system' ? 1 : 0;
}

function newlinesOf(content: Buffer): number {
  let lines = 0;
  for (let at = content.indexOf(NEWLINE); at >= 0; at = content.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}
