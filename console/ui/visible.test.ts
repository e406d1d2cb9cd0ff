import { expect, test } from '@jest/globals';
import { visible, visibleLines } from './visible.js';

test('control characters are shown as their pictures, and tabs stay', () => {
  expect(visible('a\u0000b\u001b[201~c\u007f\td\n')).toBe('a␀b␛[201~c␡\td␊');
  expect(visible('\u009b31m')).toBe('⟨U+009B⟩31m');
});

test.each([
  ['soft hyphen', '\u00ad', '00AD'],
  ['grapheme joiner', '\u034f', '034F'],
  ['Hangul filler', '\u3164', '3164'],
  ['leading Hangul filler', '\u115f', '115F'],
  ['vowel Hangul filler', '\u1160', '1160'],
  ['half-width Hangul filler', '\uffa0', 'FFA0'],
  ['Mongolian vowel separator', '\u180e', '180E'],
  ['zero-width space', '\u200b', '200B'],
  ['override of the direction', '\u202e', '202E'],
  ['line separator', '\u2028', '2028'],
  ['paragraph separator', '\u2029', '2029'],
  ['isolate', '\u2066', '2066'],
  ['deprecated swapping', '\u206a', '206A'],
  ['byte order mark', '\ufeff', 'FEFF'],
  ['annotation', '\ufff9', 'FFF9'],
  ['tag', '\u{e0041}', 'E0041'],
  ['musical format', '\u{1d173}', '1D173'],
  ['selector that can carry bytes', '\u{e0100}', 'E0100'],
  ['joiner between letters', '\u200d', '200D'],
  ['selector after a letter', '\ufe0f', 'FE0F'],
])('a %s is shown as its code point', (_what, hidden, code) => {
  expect(visible(`a${hidden}b`)).toBe(`a⟨U+${code}⟩b`);
});

test.each(['👩‍👩‍👧', '🏳️‍🌈', '👍🏽', '1️⃣', '❤️', '🇫🇷', '👩🏽‍💻'])('%s stays as it is', (emoji) => {
  expect(visible(`a ${emoji} b`)).toBe(`a ${emoji} b`);
});

test('what follows an emoji without being part of it is seen', () => {
  expect(visible('👍\u200d\u200da')).toBe('👍⟨U+200D⟩⟨U+200D⟩a');
  expect(visible('👍\ufe0f\ufe0f')).toBe('👍\ufe0f⟨U+FE0F⟩');
  expect(visible('🏴\u{e0067}\u{e007f}')).toBe('🏴⟨U+E0067⟩⟨U+E007F⟩');
});

test('signs that are seen and letters of all scripts stay', () => {
  const text = 'é 世界 \u0600١ नमस्ते שלום 𝒳';
  expect(visible(text)).toBe(text);
});

test('a text keeps its newlines, however they are written', () => {
  expect(visibleLines('a\r\nb\nc\rd')).toBe('a\nb\nc␍d');
});
