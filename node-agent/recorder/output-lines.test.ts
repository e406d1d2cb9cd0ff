import { describe, expect, test } from '@jest/globals';
import { LineSplitter } from './line-splitter.js';

function split(bytes: Buffer, chunkSize: number, maxBytes?: number): string[] {
  const splitter = new LineSplitter(maxBytes);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize) lines.push(...splitter.push(bytes.subarray(at, at + chunkSize)));
  return [...lines, ...splitter.end()];
}

describe('splitting a stream into lines', () => {
  const cases: [string, Buffer, string[]][] = [
    ['lines', Buffer.from('a\n\nb\n'), ['a', '', 'b']],
    ['a last line without newline', Buffer.from('a\nb'), ['a', 'b']],
    ['nothing', Buffer.alloc(0), []],
    ['carriage returns as content', Buffer.from('a\r\nb\rc\n'), ['a\r', 'b\rc']],
    ['characters of several bytes', Buffer.from('žluť 漢字 🚀\n'), ['žluť 漢字 🚀']],
    ['a byte order mark as content', Buffer.from('\ufeffa\n'), ['\ufeffa']],
    ['NUL and other control characters', Buffer.from('a\0b\x1b[0m\n'), ['a\0b\x1b[0m']],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0xff, 0xc0, 0x62, 0x0a]), ['a\ufffd\ufffdb']],
    ['a character cut off by a newline', Buffer.from([0xe6, 0xbc, 0x0a, 0x62]), ['\ufffd', 'b']],
    ['a character cut off by the end', Buffer.from([0x61, 0xf0, 0x9f]), ['a\ufffd']],
  ];
  test.each(cases)('gives %s, however the bytes are split into chunks', (_name, bytes, expected) => {
    for (const chunkSize of [1, 2, 3, 7, 1000]) expect(split(bytes, chunkSize)).toEqual(expected);
  });

  test('cuts a line that is too long between characters, however the bytes are split into chunks', () => {
    const bytes = Buffer.from('abcdefg漢漢漢x\ny\n');
    for (const chunkSize of [1, 4, 100]) expect(split(bytes, chunkSize, 8)).toEqual(['abcdefg', '漢漢', '漢x', 'y']);
  });

  test('does not cut a line of exactly the maximum length', () => {
    for (const chunkSize of [1, 3, 100])
      expect(split(Buffer.from('12345678\n1\n'), chunkSize, 8)).toEqual(['12345678', '1']);
  });

  test('cuts a line that only U+FFFD makes too long', () => {
    const lines = split(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0a]), 5, 8);
    expect(lines).toEqual(['\ufffd\ufffd', '\ufffd\ufffd']);
  });

  test('has a default maximum of 1 MiB', () => {
    const lines = split(Buffer.from(`${'é'.repeat(1024 * 1024)}\n`), 65536);
    expect(lines.map((line) => Buffer.byteLength(line))).toEqual([1024 * 1024, 1024 * 1024]);
  });
});
