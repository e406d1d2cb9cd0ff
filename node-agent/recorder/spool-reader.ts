/** Reads a spool's frames, also while its recorder appends to it. */
import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { segmentPath, segmentsOf, spoolBytes, type SpoolPosition } from './spool-files.js';
import { decodeHeader, HEADER_BYTES, MAX_CONTENT_BYTES, type Frame, type FrameKind } from './spool-frames.js';

const BUFFER_BYTES = 256 * 1024;

export class SpoolReader {
  readonly #dataDir: string;
  readonly #executionId: string;
  #segment: number;
  /** Of the buffer's first byte in the segment. */
  #offset: number;
  #fd: number | undefined;
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  #isDamaged = false;

  constructor(dataDir: string, executionId: string, { segment, offset }: SpoolPosition = { segment: 0, offset: 0 }) {
    this.#dataDir = dataDir;
    this.#executionId = executionId;
    this.#segment = segment;
    this.#offset = offset;
  }

  /** Where the next frame is. */
  get position(): SpoolPosition {
    return { segment: this.#segment, offset: this.#offset + this.#start };
  }

  /** What follows cannot be read: the file was damaged, for example by a power cut. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** To be called for a frame that makes no sense. */
  setDamaged(): void {
    this.#isDamaged = true;
  }

  /** What has not been read, in bytes. */
  backlog(): number {
    return spoolBytes(this.#dataDir, this.#executionId, this.position);
  }

  /**
   * Goes on with the first segment that is there if the one to read is not: the store went back to an earlier state.
   * @returns whether some were missing
   */
  skipMissing(): boolean {
    const [first] = segmentsOf(this.#dataDir, this.#executionId);
    if (first === undefined || first <= this.#segment) return false;
    this.#enter(first);
    return true;
  }

  /** @returns undefined if there is no whole frame (yet) */
  next(): Frame | undefined {
    if (this.#isDamaged) return undefined;
    if (!this.#has(HEADER_BYTES)) return this.#nextOfNextSegment();
    const header = decodeHeader(this.#buffer, this.#start);
    if (!header) {
      this.#isDamaged = true;
      return undefined;
    }
    if (!this.#has(HEADER_BYTES + header.length)) return this.#nextOfNextSegment();
    return this.#take(header.kind, header.time, header.length);
  }

  /**
   * For a spool whose recorder is gone.
   * @returns what there is of a frame that was not written to its end
   */
  torn(): Frame | undefined {
    if (this.#isDamaged || !this.#has(HEADER_BYTES)) return undefined;
    const header = decodeHeader(this.#buffer, this.#start);
    if (header?.kind !== 'stdout' && header?.kind !== 'stderr') return undefined;
    this.#has(HEADER_BYTES + header.length);
    return this.#take(header.kind, header.time, this.#end - this.#start - HEADER_BYTES);
  }

  /** Deletes the segments before this position, which is in the store. */
  forgetBefore({ segment }: SpoolPosition): void {
    for (const number of segmentsOf(this.#dataDir, this.#executionId)) {
      if (number < segment) rmSync(segmentPath(this.#dataDir, this.#executionId, number), { force: true });
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #take(kind: FrameKind, time: number, length: number): Frame {
    const content = this.#buffer.subarray(this.#start + HEADER_BYTES, this.#start + HEADER_BYTES + length);
    this.#start += HEADER_BYTES + length;
    return { kind, time, content };
  }

  #nextOfNextSegment(): Frame | undefined {
    // in this order: the recorder appends to a segment only until it has made the next one
    const isThere = segmentsOf(this.#dataDir, this.#executionId).includes(this.#segment + 1);
    if (!isThere) return undefined;
    if (this.#fill() > 0) return this.next();
    this.#enter(this.#segment + 1);
    return this.next();
  }

  #enter(segment: number): void {
    this.close();
    this.#segment = segment;
    this.#offset = 0;
    this.#start = 0;
    this.#end = 0;
  }

  /** @returns whether the buffer has this many bytes now */
  #has(bytes: number): boolean {
    while (this.#end - this.#start < bytes) if (this.#fill() === 0) return false;
    return true;
  }

  /** @returns how many bytes were read */
  #fill(): number {
    this.#fd ??= this.#open();
    if (this.#fd === undefined) return 0;
    if (this.#end === this.#buffer.length) this.#makeRoom();
    const at = this.#offset + this.#end;
    const count = readSync(this.#fd, this.#buffer, this.#end, this.#buffer.length - this.#end, at);
    this.#end += count;
    return count;
  }

  #makeRoom(): void {
    const rest = this.#buffer.subarray(this.#start, this.#end);
    const isLarge = rest.length > BUFFER_BYTES / 2;
    const next = isLarge ? Buffer.allocUnsafeSlow(HEADER_BYTES + MAX_CONTENT_BYTES) : this.#buffer;
    if (next.length < rest.length) throw new Error('a frame is longer than a frame can be');
    rest.copy(next);
    this.#buffer = next;
    this.#offset += this.#start;
    this.#end = rest.length;
    this.#start = 0;
  }

  #open(): number | undefined {
    try {
      return openSync(segmentPath(this.#dataDir, this.#executionId, this.#segment), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
