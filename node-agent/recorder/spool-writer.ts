/** Appends to a spool what a recorder reads. What has been appended survives kill -9: the system has it. */
import { closeSync, constants, ftruncateSync, openSync, writevSync } from 'node:fs';
import { removeSpool, segmentPath, type SpoolPosition } from './spool-files.js';
import { encodeHeader, HEADER_BYTES, MAX_CONTENT_BYTES, type FrameKind, type SpoolHeader } from './spool-frames.js';

/** A segment that has been absorbed is deleted, which gives its space back. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

export class SpoolWriter {
  readonly #dataDir: string;
  readonly #header: SpoolHeader;
  readonly #segmentBytes: number;
  #fd: number | undefined;
  #segment = -1;
  #offset = 0;
  #before = 0;

  /** @throws Error if the disk refuses it */
  constructor(dataDir: string, header: SpoolHeader, segmentBytes = SEGMENT_BYTES) {
    this.#dataDir = dataDir;
    this.#header = header;
    this.#segmentBytes = segmentBytes;
    this.#nextSegment();
  }

  /** Where the next frame will be. */
  get position(): SpoolPosition {
    return { segment: this.#segment, offset: this.#offset };
  }

  /** All that was appended, in bytes. */
  get bytes(): number {
    return this.#before + this.#offset;
  }

  /**
   * Appends all of `content` or nothing.
   * @throws Error if the disk refuses it
   */
  append(kind: FrameKind, content: Buffer, time: number): void {
    if (this.#offset >= this.#segmentBytes) this.#nextSegment();
    if (this.#fd === undefined) throw new Error('the spool is closed');
    this.#offset += writeFrames(this.#fd, this.#offset, kind, content, time);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  remove(): void {
    this.close();
    removeSpool(this.#dataDir, this.#header.execution.id);
  }

  #nextSegment(): void {
    const path = segmentPath(this.#dataDir, this.#header.execution.id, this.#segment + 1);
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    let offset: number;
    try {
      offset = writeFrames(fd, 0, 'header', Buffer.from(JSON.stringify(this.#header)), 0);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.close();
    this.#fd = fd;
    this.#segment++;
    this.#before += this.#offset;
    this.#offset = offset;
  }
}

/**
 * @returns how many bytes were written
 * @throws Error if the disk refuses them; nothing of them is left then
 */
function writeFrames(fd: number, offset: number, kind: FrameKind, content: Buffer, time: number): number {
  let end = offset;
  try {
    for (let at = 0; at === 0 || at < content.length; at += MAX_CONTENT_BYTES) {
      end += writeFrame(fd, end, kind, content.subarray(at, at + MAX_CONTENT_BYTES), time);
    }
  } catch (error) {
    ftruncateSync(fd, offset);
    throw error;
  }
  return end - offset;
}

function writeFrame(fd: number, offset: number, kind: FrameKind, content: Buffer, time: number): number {
  const length = HEADER_BYTES + content.length;
  let pieces = [encodeHeader(kind, content.length, time), content];
  for (let written = 0; written < length;) {
    const count = writevSync(fd, pieces, offset + written);
    if (count === 0) throw Object.assign(new Error('no space left for the spool'), { code: 'ENOSPC' });
    written += count;
    if (written < length) pieces = [Buffer.concat(pieces).subarray(count)];
  }
  return length;
}
