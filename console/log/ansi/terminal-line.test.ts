import { describe, expect, test } from '@jest/globals';
import { cpuMsOf } from '../../../tests/harness/cpu-time.js';
import { plainText } from '../line-pieces.js';
import { applySgr } from './sgr.js';
import { PLAIN, type Style } from './style.js';
import { styleAfter, terminalLine } from './terminal-line.js';

const ESC = '\x1b';
const shown = (content: string, entry: Style = PLAIN) => plainText(content, terminalLine(content, entry).runs);
const styled = (content: string, entry: Style = PLAIN) =>
  terminalLine(content, entry).runs.map(({ from, to, style }) => [content.slice(from, to), style] as const);
const FAR = `${ESC}[65535Cx`;
const red: Style = { ...PLAIN, foreground: { named: 1 } };

describe('a line without control sequences', () => {
  test('is one run in the style that lines before left', () => {
    expect(styled('plain', red)).toEqual([['plain', red]]);
    expect(terminalLine('', red)).toEqual({ runs: [], exit: red });
  });
});

describe('colours and styles', () => {
  test('begin and end where they are written', () => {
    expect(styled(`a${ESC}[31mb${ESC}[0mc`)).toEqual([
      ['a', PLAIN],
      ['b', red],
      ['c', PLAIN],
    ]);
  });

  test('go on in the next line until they are ended', () => {
    const { exit } = terminalLine(`${ESC}[1;31mbegun`, PLAIN);
    expect(exit).toEqual({ ...red, bold: true });
    expect(styleAfter(`still${ESC}[22m`, exit)).toEqual(red);
  });

  test('survive the erasure that GCC and grep write behind them', () => {
    expect(styled(`${ESC}[01m${ESC}[Kmain.c:${ESC}[m${ESC}[K rest`)).toEqual([
      ['main.c:', { ...PLAIN, bold: true }],
      [' rest', PLAIN],
    ]);
  });

  test('of the palette and of 24 bits are read in both ways of writing', () => {
    expect(applySgr(PLAIN, '38;5;9').foreground).toEqual({ named: 9 });
    expect(applySgr(PLAIN, '38;5;196').foreground).toEqual({ rgb: 0xff0000 });
    expect(applySgr(PLAIN, '48;5;232').background).toEqual({ rgb: 0x080808 });
    expect(applySgr(PLAIN, '38;2;1;2;3;1')).toEqual({ ...PLAIN, foreground: { rgb: 0x010203 }, bold: true });
    expect(applySgr(PLAIN, '38:2::1:2:3').foreground).toEqual({ rgb: 0x010203 });
    expect(applySgr(PLAIN, '38:2:1:2:3').foreground).toEqual({ rgb: 0x010203 });
    expect(applySgr(PLAIN, '58;5;1;4')).toEqual({ ...PLAIN, underline: true });
  });

  test('that make no sense change nothing', () => {
    for (const parameters of ['38', '38;5', '38;5;256', '38;2;1;2', '999', '38;9;1']) {
      expect(applySgr(red, parameters).foreground).toEqual(expect.objectContaining({}));
    }
    expect(styleAfter(`${ESC}[>4;1m`, red)).toBe(red);
  });

  test('that are equal are the same object', () => {
    expect(applySgr(PLAIN, '1;31')).toBe(applySgr(applySgr(PLAIN, '31'), '1'));
    expect(applySgr(applySgr(PLAIN, '31'), '0')).toBe(PLAIN);
  });
});

describe('a line that is written over itself', () => {
  test.each([
    ['10 %\r20 %\r100 %', '100 %'],
    ['long text\rno', 'nong text'],
    [`long text\r${ESC}[Kno`, 'no'],
    [`long text${ESC}[2K\rno`, 'no'],
    [`abcdef${ESC}[3D${ESC}[1Kx`, '   xef'],
    [`abc${ESC}[10Gd`, 'abc      d'],
    [`abc\b\bX`, 'aXc'],
    [`abc\r${ESC}[2Cx`, 'abx'],
    [`abcdef\r${ESC}[2P`, 'cdef'],
    [`abcdef\r${ESC}[2X`, '  cdef'],
    ['with CRLF\r', 'with CRLF'],
    ['世界\rab', 'ab界'],
    ['e\u0301x\rY', 'Yx'],
  ])('%j leaves %j', (content, left) => {
    expect(shown(content)).toBe(left);
  });

  test('keeps the style that each character was written in', () => {
    expect(styled(`${ESC}[31mred text${ESC}[0m\rnew`)).toEqual([
      ['new', PLAIN],
      [' text', red],
    ]);
  });

  test('takes no memory for a column that no terminal has', () => {
    expect(shown(`a${ESC}[999999999Cb`)).toBe('ab');
  });

  test('is shown to its end, however long it is, if it only erases behind itself', () => {
    expect(shown(`${'x'.repeat(300_000)}${ESC}[K`)).toHaveLength(300_000);
  });
});

describe('what a viewer must not follow', () => {
  test.each([
    ['a title', `${ESC}]0;owned\x07text`, 'text'],
    ['a title that is not ended', `text${ESC}]0;owned`, 'text'],
    ['a link, of which the text stays', `${ESC}]8;;javascript:alert(1)${ESC}\\click${ESC}]8;;${ESC}\\ me`, 'click me'],
    ['moves of the cursor to other lines', `a${ESC}[2A${ESC}[H${ESC}[2Jb`, 'ab'],
    ['modes and queries', `a${ESC}[?25l${ESC}[6n${ESC}(Bb${ESC}7${ESC}8`, 'ab'],
    ['device strings', `a${ESC}P1$r0m${ESC}\\b`, 'ab'],
    ['bells', 'a\x07b', 'ab'],
    ['half a sequence', `ab${ESC}[`, 'ab'],
    ['an escape at the end', `ab${ESC}`, 'ab'],
  ])('%s is dropped', (_what, content, left) => {
    expect(shown(content)).toBe(left);
  });

  test.each([
    ['a title', `${ESC}]0;${'x'.repeat(1024 * 1024)}`],
    ['half sequences', `${ESC}[`.repeat(500_000)],
    ['colours', `${ESC}[31mx`.repeat(150_000)],
    ['a progress bar', '\r12 % of all there is'.repeat(50_000)],
    ['erasing up to a far column', `${FAR}${`${ESC}[1K`.repeat(260_000)}`],
    ['erasing all columns', `${FAR}\r${`${ESC}[65536X`.repeat(130_000)}`],
    ['deleting before a far column', `${FAR}\r${`${ESC}[P${ESC}[99G`.repeat(110_000)}`],
    ['writing to a far column and erasing it', `${ESC}[2K${FAR}`.repeat(80_000)],
    ['going back', 'x\b'.repeat(500_000)],
    ['marks on one character', `x\b${'\u0301'.repeat(1024 * 1024)}`],
    ['one return', `x\r${'y'.repeat(1024 * 1024)}`],
  ])('a megabyte of %s is no long task', (_what, content) => {
    expect(cpuMsOf(() => void terminalLine(content, PLAIN))).toBeLessThan(5000); // a tenth of it on a quiet machine
  });

  test('a line whose cursor moves for too long is shown as if it did not move, with its colours', () => {
    expect(styled(`a${ESC}[65535C${ESC}[31mb\r${`${ESC}[65536X`.repeat(50)}c${ESC}[0md`)).toEqual([
      ['a', PLAIN],
      ['b', red],
      ['c', red],
      ['d', PLAIN],
    ]);
  });

  test('of a progress bar of hours, the last state is shown in its style', () => {
    const content = `${ESC}[31m${'\r12 % of all there is'.repeat(50_000)}\rdone                 `;
    expect(styled(content)).toEqual([['done                 ', red]]);
  });
});
