import { expect, test } from '@jest/globals';
import { excerptOf } from './line-excerpt.js';

/** As it is shown: matches in brackets. */
const shown = (content: string, ...ranges: [number, number][]) =>
  excerptOf(content, ranges)
    .map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))
    .join('');
const bytes = (text: string) => new TextEncoder().encode(text).length;

test('matches are marked where the hive says, in bytes, whatever is before them', () => {
  const content = 'héllo 🐝 wörld';
  const from = bytes('héllo 🐝 ');
  expect(shown(content, [0, bytes('héllo')], [from, from + bytes('wörld')])).toBe('[héllo] 🐝 [wörld]');
});

test('colours and links of terminals are left out, and a match goes on across them', () => {
  expect(shown('\u001b[31mred\u001b[0m and blue', [5, 15])).toBe('[red][ an]d blue');
  expect(shown('\u001b]8;;javascript:alert(1)\u0007link\u001b]8;;\u0007', [0, 0])).toBe('link');
});

test('what would hide or reorder text is shown as what it is', () => {
  expect(shown('a\u202eb\u0000c', [0, 1])).toBe('[a]⟨U+202E⟩b␀c');
});

test('of a long line, what is around the first match is shown', () => {
  const content = `${'x'.repeat(5000)}needle${'y'.repeat(5000)}`;
  const excerpt = shown(content, [5000, 5006]);
  expect(excerpt).toMatch(/^…x{60}\[needle\]y+…$/);
  expect(excerpt.length).toBeLessThan(310);
  expect(shown('y'.repeat(1000), [0, 1])).toMatch(/^\[y\]y{299}…$/);
});

test('a character that needs two units is never cut in half', () => {
  const content = `${'🐝'.repeat(200)}x`;
  for (const start of [0, 1, 33, 99]) {
    const excerpt = excerptOf('a'.repeat(start) + content, [[0, 1]]);
    expect(excerpt.every(({ text }) => text.isWellFormed())).toBe(true);
  }
});
