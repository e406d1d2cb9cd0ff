import { expect, test } from '@jest/globals';
import { BadBatchError, EntryScanner, TooLargeError } from './entry-scanner.js';

const MAX_BYTES = 1000;
const TAIL = '],"compressed":false}}';

/** Reads the text behind `"entries":[`, in pieces of `step` bytes. */
function scan(text: string | Buffer, step: number): unknown[] {
  const scanner = new EntryScanner(MAX_BYTES);
  const bytes = Buffer.from(text);
  const entries: unknown[] = [];
  for (let at = 0; at < bytes.length; at += step) entries.push(...scanner.read(bytes.subarray(at, at + step)).entries);
  scanner.end();
  return entries;
}

const ENTRIES = [
  { output_type: 'stdout', content: 'plain', timestamp: '2026-02-01T10:00:00Z' },
  { content: '' },
  { content: '"}],{[\\' },
  { content: '\\"\\\\' },
  { content: '\u0000\u001b[32m 🐎 é \ud800' },
  {},
  { nested: [[{ deep: [']', '}'] }], null, -1.5e3, true] },
];

test.each([1, 2, 3, 7, 64, 10_000])('finds the same entries in pieces of %d bytes', (step) => {
  expect(scan(ENTRIES.map((entry) => JSON.stringify(entry)).join(',') + TAIL, step)).toEqual(ENTRIES);
  expect(scan(JSON.stringify(ENTRIES, null, 2).slice(1) + TAIL.slice(1), step)).toEqual(ENTRIES);
  expect(scan(TAIL, step)).toEqual([]);
});

test.each([
  ['no comma', '{}{}' + TAIL],
  ['a comma too many', '{},,{}' + TAIL],
  ['a comma at the end', '{},' + TAIL],
  ['a comma at the start', ',{}' + TAIL],
  ['an entry that is no object', '{},1' + TAIL],
  ['brackets of two kinds', '{"a":[}]' + TAIL],
  ['an entry that is not JSON', '{"a":b}' + TAIL],
  ['an end that is missing', '{}'],
  ['an entry that is cut off', '{"a":'],
  ['a tail that is not JSON', '{}],compressed}}'],
  ['a tail that is cut off', '{}],"compressed":false}'],
  ['an endless tail', '{}]' + ' '.repeat(10_000)],
  [
    'bytes that are not UTF-8',
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}' + TAIL)]),
  ],
])('refuses a batch with %s', (_, text) => {
  for (const step of [1, 10_000]) expect(() => scan(text, step)).toThrow(BadBatchError);
});

test('what came before a fault is returned', () => {
  const scanner = new EntryScanner(MAX_BYTES);
  expect(scanner.read(Buffer.from('{"a":1},{"a":2}'))).toEqual({ entries: [{ a: 1 }, { a: 2 }], bytes: 14 });
  expect(() => scanner.read(Buffer.from('{"a":3}'))).toThrow(BadBatchError);
});

test('an entry that is too large is refused before it is complete', () => {
  const scanner = new EntryScanner(MAX_BYTES);
  scanner.read(Buffer.from('{"a":"'.padEnd(MAX_BYTES, 'x')));
  expect(scanner.heldBytes).toBe(MAX_BYTES);
  expect(() => scanner.read(Buffer.from('x'))).toThrow(TooLargeError);
});

test('an entry of very many values is refused before it is parsed', () => {
  const entryOf = (values: number) => `{"a":[${Array<string>(values).fill('{}').join(',')}]}`;
  const scanOf = (values: number) => new EntryScanner(1024 * 1024).read(Buffer.from(entryOf(values))).entries;
  expect(scanOf(1000)).toHaveLength(1);
  expect(() => scanOf(10_000)).toThrow(BadBatchError);
  const scanner = new EntryScanner(1024 * 1024);
  const part = Buffer.from('{"a":[' + '[],'.repeat(4000));
  scanner.read(part);
  expect(() => scanner.read(part.subarray(6))).toThrow(BadBatchError); // counted over all pieces
});

test('the values of one entry do not count for the next', () => {
  const entry = `{"a":[${Array<string>(4000).fill('{}').join(',')}]}`;
  expect(scan(Array<string>(5).fill('{"a":1}').join(',') + TAIL, 10)).toHaveLength(5);
  const scanner = new EntryScanner(1024 * 1024);
  for (let index = 0; index < 5; index++) expect(scanner.read(Buffer.from(`${entry},`)).entries).toHaveLength(1);
});
