import { describe, expect, test } from '@jest/globals';
import { jsonContents } from './line-contents.js';
import { OutputLines, type LineRun } from './output-lines.js';

interface Line {
  content: string;
  isPartial: boolean;
}

function linesOf(runs: LineRun[]): Line[] {
  return runs.flatMap(({ text, isPartial }) => {
    const contents = Buffer.from(text, 'latin1').toString().split('\n');
    return contents.map((content, index) => ({ content, isPartial: isPartial && index === contents.length - 1 }));
  });
}

function split(bytes: Buffer, chunkSize: number, maxBytes?: number, isTerminal = false): Line[] {
  const lines = new OutputLines({ ...(maxBytes && { maxBytes }), isTerminal });
  const found: Line[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize) {
    found.push(...linesOf(lines.push(bytes.subarray(at, at + chunkSize))));
  }
  return [...found, ...linesOf(lines.end())];
}

const whole = (contents: string[]) => contents.map((content) => ({ content, isPartial: false }));
/** In parts: all but the last are partial. */
const cut = (...parts: string[]) => parts.map((content, index) => ({ content, isPartial: index < parts.length - 1 }));

describe('making lines of a stream', () => {
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
    for (const chunkSize of [1, 2, 3, 7, 1000]) expect(split(bytes, chunkSize)).toEqual(whole(expected));
  });

  test('cuts a line that is too long between characters, however the bytes are split into chunks', () => {
    const bytes = Buffer.from('z\nabcdefg漢漢漢x\ny\n');
    for (const chunkSize of [1, 4, 100]) {
      expect(split(bytes, chunkSize, 8)).toEqual([...whole(['z']), ...cut('abcdefg', '漢漢', '漢x'), ...whole(['y'])]);
    }
  });

  test('does not cut a line of exactly the maximum length', () => {
    for (const chunkSize of [1, 3, 100])
      expect(split(Buffer.from('12345678\n1\n'), chunkSize, 8)).toEqual(whole(['12345678', '1']));
  });

  test('cuts a line that only U+FFFD makes too long', () => {
    const lines = split(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0a]), 5, 8);
    expect(lines).toEqual(cut('\ufffd\ufffd', '\ufffd\ufffd'));
  });

  test('has a default maximum of 1 MiB', () => {
    const lines = split(Buffer.from(`${'é'.repeat(1024 * 1024)}\n`), 65536);
    expect(lines.map(({ content, isPartial }) => [Buffer.byteLength(content), isPartial])).toEqual([
      [1024 * 1024, true],
      [1024 * 1024, false],
    ]);
  });

  test('gives a line that stands unfinished as partial, but never half a character, and ends it by what follows', () => {
    const lines = new OutputLines();
    const bytes = Buffer.from('Name? 漢');
    expect(lines.push(bytes.subarray(0, -1))).toEqual([]);
    expect(lines.unfinishedSince).toBeDefined();
    expect(linesOf(lines.partial())).toEqual([{ content: 'Name? ', isPartial: true }]);
    expect(lines.unfinishedSince).toBeUndefined();
    expect(lines.partial()).toEqual([]);
    expect(linesOf(lines.push(bytes.subarray(-1)))).toEqual([]);
    expect(linesOf(lines.partial())).toEqual([{ content: '漢', isPartial: true }]);
    expect(linesOf(lines.push(Buffer.from('\n')))).toEqual(whole(['']));
    expect(lines.end()).toEqual([]);
  });

  test('goes on with the rest of another one', () => {
    const [first, second] = [new OutputLines(), Buffer.from('b\n')];
    first.push(Buffer.from('x\na'));
    expect(linesOf(new OutputLines({ rest: first.rest }).push(second))).toEqual(whole(['ab']));
  });

  test('takes the "\\r" off that a terminal puts before a newline, and no other one', () => {
    const bytes = Buffer.from('a\r\n10%\r20%\r\r\n\r\nb\r');
    for (const chunkSize of [1, 2, 3, 100]) {
      expect(split(bytes, chunkSize, undefined, true)).toEqual(whole(['a', '10%\r20%\r', '', 'b\r']));
    }
    const lines = new OutputLines({ isTerminal: true });
    lines.push(Buffer.from('10%\r'));
    expect(linesOf(lines.partial())).toEqual([{ content: '10%', isPartial: true }]);
    expect(linesOf(lines.push(Buffer.from('20%\r\n')))).toEqual(whole(['\r20%']));
  });

  test('escapes as JSON.stringify does', () => {
    const odd = ['', 'plain', 'a"b', 'a\\nb', '\t\r\b\f\0\u001b\u007f', 'é漢\u2028', '"\\"', '\\'];
    for (const text of [odd, odd.filter((line) => !line.includes('\\')), ['plain', 'é']]) {
      const contents = jsonContents(Buffer.from(text.join('\n')).toString('latin1'));
      expect(contents.map((content) => Buffer.from(content, 'latin1').toString())).toEqual(
        text.map((line) => JSON.stringify(line).slice(1, -1)),
      );
    }
  });
});
