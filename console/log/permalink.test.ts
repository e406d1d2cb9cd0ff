import { expect, test } from '@jest/globals';
import { formatLines, linesAddress, linesOf, parseLines } from './permalink.js';

test.each([
  ['#L120', { first: 120, last: 120 }],
  ['#L120-140', { first: 120, last: 140 }],
  ['#L140-L120', { first: 120, last: 140 }],
  ['#L0', undefined],
  ['#L', undefined],
  ['#L1-', undefined],
  ['#main', undefined],
  ['', undefined],
])('%s is %j', (hash, lines) => {
  expect(parseLines(hash)).toEqual(lines);
});

test('what is written is read again', () => {
  for (const lines of [
    { first: 1, last: 1 },
    { first: 2, last: 900_000 },
  ]) {
    expect(parseLines(formatLines(lines))).toEqual(lines);
  }
});

test('the address of lines names their execution, and keeps the rest', () => {
  const address = linesAddress('https://hive/attempts/a?view=raw#L1', 'e1', { first: 3, last: 4 });
  expect(address).toBe('/attempts/a?view=raw&execution=e1#L3-4');
  expect(linesAddress('https://hive/attempts/a?execution=e1#L1', 'e1', undefined)).toBe('/attempts/a?execution=e1');
});

test('lines of another execution are not this one’s', () => {
  expect(linesOf('https://hive/attempts/a?execution=e1#L3', 'e1')).toEqual({ first: 3, last: 3 });
  expect(linesOf('https://hive/attempts/a#L3', 'e1')).toEqual({ first: 3, last: 3 });
  expect(linesOf('https://hive/attempts/a?execution=e2#L3', 'e1')).toBeUndefined();
});
