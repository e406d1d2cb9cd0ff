/** A log page on the wire: u32 big-endian header length, header as JSON, then the page's gzip bytes. */
import { MAX_BINARY_FRAME_BYTES, MAX_PAGE_HEADER_BYTES } from './limits.js';
import { logPageHeader, type LogPageHeader } from './frames.js';
import { FrameError, parseJson, validate } from './text-frame.js';

export interface LogPageFrame {
  header: LogPageHeader;
  /** The page's gzip bytes: a view into the frame, not a copy. */
  gzip: Buffer;
}

/** @returns the binary frame: length of the header, header, the page's gzip */
export function encodeLogPageFrame({ header, gzip }: LogPageFrame): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.allocUnsafe(4);
  prefix.writeUInt32BE(json.length);
  return Buffer.concat([prefix, json, gzip]);
}

/** @throws FrameError naming the fault */
export function decodeLogPageFrame(frame: Buffer): LogPageFrame {
  if (frame.length > MAX_BINARY_FRAME_BYTES) {
    throw new FrameError(`binary frame has ${frame.length} bytes, more than ${MAX_BINARY_FRAME_BYTES}`);
  }
  if (frame.length < 4) throw new FrameError('binary frame is shorter than its length prefix');
  const headerLength = frame.readUInt32BE(0);
  if (headerLength > MAX_PAGE_HEADER_BYTES || 4 + headerLength > frame.length) {
    throw new FrameError(`binary frame announces a header of ${headerLength} bytes, which does not fit`);
  }
  const header = validate(logPageHeader, parseJson(frame.toString('utf8', 4, 4 + headerLength)), 'log_page');
  if (header.last_seq < header.first_seq) throw new FrameError('log_page: last_seq is before first_seq');
  return { header, gzip: frame.subarray(4 + headerLength) };
}
