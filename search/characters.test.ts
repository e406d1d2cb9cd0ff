import { expect, test } from '@jest/globals';
import { classOf, foldCharacter, isWordBorder, RUN, SEPARATOR, SINGLE } from './characters.js';

const codePoint = (text: string) => text.codePointAt(0) ?? 0;

/** Letters with case are all among these. */
function* everyCharacter() {
  for (let code = 0; code < 0x2_0000; code++) if (code < 0xd800 || code > 0xdfff) yield code;
}

test('letters, digits and marks of any script make words, and nothing else does', () => {
  for (const text of ['a', 'Z', '0', 'é', '\u0301', 'ß', 'Ж', 'א', 'ع', 'ह', '한', '٣', '𝒳']) {
    expect([text, classOf(codePoint(text))]).toEqual([text, RUN]);
  }
  for (const text of ['漢', 'か', 'カ', 'ー', 'ﾊ', 'ก', 'ກ', 'ខ', 'မ', '𠀀']) {
    expect([text, classOf(codePoint(text))]).toEqual([text, SINGLE]);
  }
  for (const code of [0, 9, 0x20, 0x2d, 0x5f, 0x2019, 0x3002, 0xd800, 0xdfff, 0x1f600]) {
    expect([code, classOf(code)]).toEqual([code, SEPARATOR]);
  }
});

test('a word ends where its letters do', () => {
  const [a, han, dash] = [codePoint('a'), codePoint('漢'), codePoint('-')];
  expect(isWordBorder(a, a)).toBe(false);
  for (const [before, after] of [
    [a, dash],
    [dash, a],
    [dash, dash],
    [a, han],
    [han, a],
    [han, han],
    [undefined, a],
    [a, undefined],
  ]) {
    expect(isWordBorder(before, after)).toBe(true);
  }
});

test('whatever is equal without case, as the u and i flags have it, is folded to the same', () => {
  const cased = [...everyCharacter()].filter((code) => {
    const text = String.fromCodePoint(code);
    return text.toLowerCase() !== text || text.toUpperCase() !== text || foldCharacter(code) !== code;
  });
  expect(cased.length).toBeGreaterThan(2500);
  const all = cased.map((code) => String.fromCodePoint(code)).join('');
  for (const code of cased) {
    const equal = all.match(new RegExp(`\\u{${code.toString(16)}}`, 'giu')) ?? [];
    const other = equal.find((text) => foldCharacter(codePoint(text)) !== foldCharacter(code));
    if (other !== undefined) throw new Error(`${code.toString(16)} and ${other} are equal without case`);
  }
});

test('folding keeps a character’s class', () => {
  for (const code of everyCharacter()) if (classOf(foldCharacter(code)) !== classOf(code)) throw new Error(`${code}`);
});
