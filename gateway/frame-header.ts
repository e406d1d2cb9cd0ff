/** The header of a WebSocket frame (RFC 6455, section 5.2). */

export interface FrameHeader {
  isFinal: boolean;
  /** Whether a reserved bit is set, which only an extension may do. */
  isReserved: boolean;
  opcode: number;
  /** Bytes of the header itself. */
  headerBytes: number;
  /** Bytes that follow the header. It may be too large for an exact number. */
  payload: number;
  /** Four bytes; absent if the frame is not masked. */
  mask?: Buffer;
}

/** @returns the header that starts at `at`; undefined if it is incomplete */
export function readHeader(bytes: Buffer, at: number): FrameHeader | undefined {
  const available = bytes.length - at;
  if (available < 2) return undefined;
  const first = bytes.readUInt8(at);
  const second = bytes.readUInt8(at + 1);
  const length = second & 0x7f;
  const lengthBytes = length === 127 ? 8 : length === 126 ? 2 : 0;
  const isMasked = (second & 0x80) !== 0;
  const headerBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (available < headerBytes) return undefined;
  return {
    isFinal: (first & 0x80) !== 0,
    isReserved: (first & 0x70) !== 0,
    opcode: first & 0x0f,
    headerBytes,
    payload: lengthBytes === 8 ? readUInt64(bytes, at + 2) : lengthBytes === 2 ? bytes.readUInt16BE(at + 2) : length,
    ...(isMasked && { mask: Buffer.from(bytes.subarray(at + headerBytes - 4, at + headerBytes)) }),
  };
}

function readUInt64(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** Takes the mask off, in place. @param offset how many bytes of the frame's payload came before these */
export function unmask(bytes: Buffer, mask: Buffer, offset: number): void {
  const [m0 = 0, m1 = 0, m2 = 0, m3 = 0] = [0, 1, 2, 3].map((index) => mask[(index + offset) & 3]);
  const { length } = bytes;
  let at = 0;
  for (const whole = length - (length % 4); at < whole; at += 4) {
    bytes[at] = (bytes[at] ?? 0) ^ m0;
    bytes[at + 1] = (bytes[at + 1] ?? 0) ^ m1;
    bytes[at + 2] = (bytes[at + 2] ?? 0) ^ m2;
    bytes[at + 3] = (bytes[at + 3] ?? 0) ^ m3;
  }
  for (const end of [m0, m1, m2]) {
    if (at >= length) return;
    bytes[at] = (bytes[at] ?? 0) ^ end;
    at++;
  }
}
