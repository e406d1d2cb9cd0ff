import { expect, test } from '@jest/globals';
import { toStringRanges } from './byte-ranges.js';
import { piecesOf, plainText } from './line-pieces.js';
import { PLAIN } from './ansi/style.js';
import { terminalLine } from './ansi/terminal-line.js';

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

test.each([
  ['plain text', 'text'],
  ['größer als 世界', '世'],
  ['a 👩‍🚀 flies', 'flies'],
  ['\ud800 half', 'half'],
])('in %j, the bytes of %j are found again', (content, wanted) => {
  const from = bytesOf(content.slice(0, content.indexOf(wanted)));
  const [range] = toStringRanges(content, [[from, from + bytesOf(wanted)]]);
  expect(content.slice(...(range ?? []))).toBe(wanted);
});

test('a match is marked across a change of colour, and the escape in it is not shown', () => {
  const content = 'say \x1b[31mhel\x1b[0mlo there';
  const at = content.indexOf('hel');
  const pieces = piecesOf(content, terminalLine(content, PLAIN).runs, [[at, content.indexOf(' there')]]);
  expect(pieces.map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))).toEqual([
    'say ',
    '[hel]',
    '[lo]',
    ' there',
  ]);
});

test('what was overwritten is neither marked nor copied', () => {
  const content = 'error\rfixed';
  const { runs } = terminalLine(content, PLAIN);
  expect(piecesOf(content, runs, [[0, 5]]).some(({ isMatch }) => isMatch)).toBe(false);
  expect(plainText(content, runs)).toBe('fixed');
});
