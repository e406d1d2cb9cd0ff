import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { EntryScanner } from './entry-scanner.js';
import { pushPiece } from './push-piece.js';

const MIB = 1024 * 1024;

test.each([
  ['one byte', () => 1],
  ['one byte and many', (index: number) => (index % 2 === 0 ? 1 : 40_000)],
  ['falling sizes', (index: number) => 60_000 - (index % 60_000)],
  ['whole reads', () => 65_536],
])('pieces of %s become few buffers with the same bytes', (_, sizeOf) => {
  const bytes = randomBytes(MIB);
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const piece = bytes.subarray(at, at + sizeOf(index));
    at += piece.length;
    pushPiece(pieces, piece);
  }
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  expect(pieces.length).toBeLessThan(64);
});

test('an entry that comes byte by byte is not held as as many buffers', () => {
  const scanner = new EntryScanner(4 * MIB);
  scanner.read(Buffer.from('{"a":"'));
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < 2 * MIB; index++) scanner.read(Buffer.from('x'));
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * MIB);
  const { entries } = scanner.read(Buffer.from('"}'));
  expect(entries).toEqual([{ a: 'x'.repeat(2 * MIB) }]);
});
