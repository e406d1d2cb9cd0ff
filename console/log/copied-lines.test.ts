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

test('a line with joiners and marks of direction is copied with its very characters', () => {
  const content = '{"text":"می\u200cخواهم \u200fa\u202eb"}';
  expect(copiedText([line(1, content)], { seq: 1, offset: 0 }, { seq: 1, offset: Infinity })).toBe(content);
});

test('a selection begins and ends where it does in what is drawn, also behind marks', () => {
  const lines = [line(1, 'a\u200cb👩\u200d👩c'), line(2, 'd\u202ee')];
  const drawn = 'a⟨U+200C⟩b';
  const copy = (from: number, to: number) => copiedText(lines, { seq: 1, offset: from }, { seq: 2, offset: to });
  expect(copy(drawn.length - 1, 1)).toBe('b👩\u200d👩c\nd');
  expect(copy(3, 3)).toBe('\u200cb👩\u200d👩c\nd\u202e');
  expect(copy(drawn.length, 'd⟨U+202E⟩e'.length)).toBe('👩\u200d👩c\nd\u202ee');
});

test('what a terminal would obey is not pasted into it', () => {
  const lines = [line(1, 'a\u0003b\u009bc\x7f\td')];
  expect(copiedText(lines, { seq: 1, offset: 0 }, { seq: 1, offset: Infinity })).toBe('a␃b⟨U+009B⟩c␡\td');
});

test('more than a browser can hold is refused before it is read', async () => {
  const nothing = {} as unknown as LineReader;
  const reading = readToCopy(nothing, 1, MAX_COPIED_LINES + 1, new AbortController().signal);
  await expect(reading).rejects.toThrow(TooMuchToCopyError);
});
