import { expect, test } from '@jest/globals';
import { copiedText, MAX_COPIED_LINES, readToCopy, TooMuchToCopyError } from './copied-lines.js';
import type { LineReader } from './line-reader.js';
import type { Line } from './line.js';

const line = (seq: number, content: string, isPartial = false, type: Line['type'] = 'stdout'): Line => ({
  ...{ seq, type, content, isPartial },
  at: '',
});

test('what is copied is plain text, from the first character that is selected to the last', () => {
  const lines = [line(1, 'first line'), line(2, '\x1b[31mred\x1b[0m'), line(3, '10 %\r20 %'), line(4, 'last line')];
  expect(copiedText(lines, { seq: 1, offset: 6 }, { seq: 4, offset: 4 })).toBe('line\nred\n20 %\nlast');
  expect(copiedText(lines.slice(0, 1), { seq: 1, offset: 0 }, { seq: 1, offset: 5 })).toBe('first');
});

test('what was printed in parts is one line', () => {
  const lines = [line(1, 'one ', true), line(2, 'line'), line(3, 'half', true), line(4, 'oops', false, 'stderr')];
  expect(copiedText(lines, { seq: 1, offset: 0 }, { seq: 4, offset: Infinity })).toBe('one line\nhalf\noops');
});

test('characters that reorder text are copied as what they are', () => {
  expect(copiedText([line(1, 'a\u202eb')], { seq: 1, offset: 0 }, { seq: 1, offset: Infinity })).toBe('a⟨U+202E⟩b');
});

test('more than a browser can hold is refused before it is read', async () => {
  const nothing = {} as unknown as LineReader;
  const reading = readToCopy(nothing, 1, MAX_COPIED_LINES + 1, new AbortController().signal);
  await expect(reading).rejects.toThrow(TooMuchToCopyError);
});
