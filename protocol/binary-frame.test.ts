import { expect, test } from '@jest/globals';
import { decodeLogPageFrame, encodeLogPageFrame } from './binary-frame.js';
import type { LogPageHeader } from './frames.js';
import { MAX_BINARY_FRAME_BYTES } from './limits.js';

const header: LogPageHeader = {
  type: 'log_page',
  execution_id: '6c23361f-9d71-49fb-8879-abd2aa2f8c48',
  log_epoch: 1,
  first_seq: 1,
  last_seq: 3,
};
const gzip = Buffer.from([0x1f, 0x8b, 0x08]);

test('a frame is the header length as u32 big-endian, the header as JSON, and the gzip, to the byte', () => {
  const json = JSON.stringify(header);
  const expected = Buffer.concat([Buffer.from([0, 0, 0, json.length]), Buffer.from(json), gzip]);
  expect(encodeLogPageFrame({ header, gzip })).toEqual(expected);
  expect(decodeLogPageFrame(expected)).toEqual({ header, gzip });
});

test('decoding does not copy the gzip', () => {
  const frame = encodeLogPageFrame({ header, gzip });
  expect(decodeLogPageFrame(frame).gzip.buffer).toBe(frame.buffer);
});

const withHeader = (change: object) => encodeLogPageFrame({ header: { ...header, ...change }, gzip });

test.each<[string, Buffer, RegExp]>([
  ['too short for its length', Buffer.from([0, 0]), /shorter than its length prefix/],
  ['with a header that goes beyond it', Buffer.from([0, 0, 1, 0, 0x7b]), /does not fit/],
  ['with a header of 4 GiB', Buffer.from([0xff, 0xff, 0xff, 0xff]), /does not fit/],
  ['whose header is not JSON', Buffer.from([0, 0, 0, 1, 0x7b]), /not JSON/],
  ['of another type', withHeader({ type: 'x' }), /type/],
  ['without an id', withHeader({ execution_id: 'x' }), /execution_id/],
  ['that begins at 0', withHeader({ first_seq: 0 }), /first_seq/],
  ['that ends before it begins', withHeader({ first_seq: 4 }), /last_seq is before first_seq/],
  ['with a fraction', withHeader({ last_seq: 3.5 }), /last_seq/],
  ['beyond the integers of the hive', withHeader({ last_seq: 2 ** 31 }), /last_seq/],
  ['that is too large', Buffer.alloc(MAX_BINARY_FRAME_BYTES + 1), /more than/],
])('a frame %s is refused, naming the fault', (_what, frame, message) => {
  expect(() => decodeLogPageFrame(frame)).toThrow(message);
});
