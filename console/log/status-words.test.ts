import { expect, test } from '@jest/globals';
import { HiveApiError } from '../../api/client/client.js';
import { statusWords } from './status-words.js';

test('an error is a whole sentence, and it is said that it is tried again', () => {
  expect(statusWords(new HiveApiError(502, undefined, 'the hive answered 502'), true, 'copied')).toBe(
    'the hive answered 502. It is tried again.',
  );
  expect(statusWords(new TypeError('fetch failed'), true, '')).toMatch(/network is away\. It is tried again\.$/);
});

test('of what is gone, it is not said that it is tried again', () => {
  expect(statusWords(new HiveApiError(404, 'not_found', 'no such attempt'), false, '')).toBe('no such attempt.');
});

test('without an error, it is said that the stream is away, or else what was done', () => {
  expect(statusWords(undefined, true, 'copied')).toMatch(/^The stream of new lines broke off/);
  expect(statusWords(undefined, false, 'copied')).toBe('copied');
});
