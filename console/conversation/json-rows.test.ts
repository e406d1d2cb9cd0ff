import { expect, test } from '@jest/globals';
import { CHILDREN_AT_ONCE, openedAtFirst, rowsOf, type Row } from './json-rows.js';

const NOTHING_SHOWN = new Map<string, number>();
const rows = (value: unknown, ids: Iterable<string> = openedAtFirst(value), shown = NOTHING_SHOWN) =>
  rowsOf(value, { ids: new Set(ids), shown });
const text = (row: Row) =>
  `${' '.repeat(row.level - 1)}${row.kind === 'more' ? `+${row.hidden}` : `${row.name ?? ''}${row.isOpen === false ? '>' : ''}`}`;

test('a small value is wholly open, in its own order', () => {
  expect(rows({ b: [1, { c: null }], a: 'x' }).map(text)).toEqual(['', ' b', '  0', '  1', '   c', ' a']);
});

test('a larger one is open as far as it is seen at a glance', () => {
  const large = Array.from({ length: 30 }, () => ({ a: 1, b: 2 }));
  expect(rows(large)).toHaveLength(31);
  expect(rows(large, ['0', '0/3']).map(text).slice(4, 8)).toEqual([' 3', '  a', '  b', ' 4>']);
});

test('of very many children some are shown, and more when they are asked for', () => {
  const many = Array.from({ length: 1000 }, (_, index) => index);
  const first = rows(many);
  expect(first).toHaveLength(CHILDREN_AT_ONCE + 2);
  expect(first.at(-1)).toMatchObject({ kind: 'more', of: '0', hidden: 900 });
  expect(rows(many, ['0'], new Map([['0', 1000]]))).toHaveLength(1001);
});

test('what has nothing inside can not be opened, and names that mean something to JavaScript are only names', () => {
  const value = JSON.parse('{"__proto__":{"x":1},"constructor":[],"n":{}}') as unknown;
  expect(rows(value).map(text)).toEqual(['', ' __proto__', '  x', ' constructor', ' n']);
  expect(rows(value).map((row) => row.kind === 'value' && row.isOpen)).toEqual([
    true,
    true,
    undefined,
    undefined,
    undefined,
  ]);
});

test('a value of 5,000 levels is shown as far as it is open', () => {
  const deep = JSON.parse('['.repeat(5000) + ']'.repeat(5000)) as unknown;
  expect(rows(deep, ['0', '0/0'])).toHaveLength(3);
  expect(rows(deep).length).toBeLessThan(60);
});
