import { expect, test } from '@jest/globals';
import { cpuMsOf } from '../../tests/harness/cpu-time.js';
import { MAX_MARKDOWN, tokensOf } from './markdown.js';

test.each([
  ['brackets', '['],
  ['stars', '*a'],
  ['quotes', '> '],
  ['backticks', '`'],
  ['HTML', '<a '],
  ['lists', '- '],
  ['tables', '|a'],
  ['links', '[a]('],
  ['entities', '&#'],
])('a message of nothing but %s takes no time', (_name, piece) => {
  const message = piece.repeat(Math.floor(MAX_MARKDOWN / piece.length));
  expect(cpuMsOf(() => void tokensOf(message))).toBeLessThan(2000); // a tenth of it on a quiet machine
});

test.each([
  ['quotes', '> '.repeat(1000)],
  [
    'lists',
    Array.from({ length: 100 }, (_, depth) => `${' '.repeat(depth * 2)}- a`)
      .join('\n')
      .slice(0, 6000),
  ],
  ['quotes in lists', '- > '.repeat(100)],
  ['emphasis', `${'**a _b '.repeat(100)}${'c_ d**'.repeat(100)}`],
])('a message of nested %s is shown as it is: to draw it could break the page', (_name, text) => {
  expect(tokensOf(text)).toBeUndefined();
});

test('what people nest is read', () => {
  expect(tokensOf('- a\n  - b\n    - > **c _d_**\n      > > e')).toBeDefined();
});

test('a very long message is shown as it is', () => {
  expect(tokensOf('a'.repeat(MAX_MARKDOWN + 1))).toBeUndefined();
});
