import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeLine, encodePage, type LogLine } from '../protocol/page.js';
import { endsWithEscape, ESCAPE_PIECES } from '../tests/harness/escape-borders.js';
import { foldCharacter, isWordBorder } from './characters.js';
import { buildPageFilter, filterBytes, mayHave } from './page-filter.js';
import { requiredWords } from './words.js';

const timestamp = '2026-01-01T10:00:00.000Z';
const line = (content: string): LogLine => ({ output_type: 'stdout', content, timestamp });

async function filterOf(contents: string[]) {
  const gzip = await encodePage(contents.map((content) => encodeLine(line(content))).join('\n'));
  const filter = await buildPageFilter({ gzip, firstSeq: 1, lastSeq: contents.length });
  if (!filter) throw new Error('no filter');
  return filter;
}

/** A few characters of each kind, so that what is searched for is often there. */
const character = fc.constantFrom(
  ...[
    'a',
    'A',
    'b',
    'ß',
    'ẞ',
    'ſ',
    's',
    'K',
    'k',
    '\u212a',
    'İ',
    'ı',
    'i',
    'σ',
    'ς',
    'Σ',
    '0',
    '7',
    '_',
    '-',
    ' ',
    '.',
    '/',
  ],
  ...[
    '漢',
    '字',
    'か',
    'ー',
    'ก',
    '\u0e31',
    'မ',
    '한',
    'א',
    'ع',
    '\u0301',
    '\u0345',
    'ι',
    '\u0000',
    '\u2028',
    '"',
    '\\',
    '\t',
  ],
  ...ESCAPE_PIECES,
  ...['\ud800', '\udc00', '😀', '𝒳', '𐐀', '𐐨', '𠀀', 'ﬅ', 'ﬆ', 'ᾳ', 'ᾼ', 'Ꭰ', 'ꭰ'],
);
const text = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''));

test('a filter excludes no page that has the text, as words or anywhere, whatever the case', async () => {
  const property = fc.asyncProperty(
    fc.array(text, { minLength: 1, maxLength: 8 }),
    fc.nat(),
    fc.nat(),
    async (contents, at, length) => {
      const filter = await filterOf(contents);
      const content = contents[at % contents.length] ?? '';
      const characters = Array.from(content);
      const from = characters.length === 0 ? 0 : at % characters.length;
      const searched = characters.slice(from, from + (length % 6) + 1);
      const [before, after] = [characters[from - 1], characters[from + searched.length]];
      const isWhole =
        searched.length > 0 &&
        (isWordBorder(before?.codePointAt(0), searched[0]?.codePointAt(0)) ||
          endsWithEscape(characters.slice(0, from).join(''))) &&
        isWordBorder(searched.at(-1)?.codePointAt(0), after?.codePointAt(0));
      const otherCase = searched.map((each) => String.fromCodePoint(foldCharacter(each.codePointAt(0) ?? 0)));
      for (const query of [searched.join(''), otherCase.join('')]) {
        const required = [
          ...requiredWords(query, { isWhole: false }),
          ...(isWhole ? requiredWords(query, { isWhole }) : []),
        ];
        expect(required.filter((word) => !mayHave(filter, word))).toEqual([]);
      }
    },
  );
  await fc.assert(property, { numRuns: 2000 });
});

test('words that a page does not have are excluded, and parts of words are not words', async () => {
  const filter = await filterOf(['Error: could not read /srv/data-2024/0af3.bin', '接続できません']);
  const may = (query: string) => requiredWords(query, { isWhole: true }).every((word) => mayHave(filter, word));
  expect(['error', 'COULD NOT', 'data-2024', '0AF3', '接続', 'ません'].map(may)).toEqual(Array(6).fill(true));
  expect(['erro', 'warning', 'data-2025', '接読', 'binary'].map(may)).toEqual(Array(5).fill(false));
});

test('a word is in the filter where a colour or the escape of a newline stands before it', async () => {
  const contents = [
    '\u001b[1;31merror\u001b[0m\u001b[Kgone',
    String.raw`{"text":"one\ntwo\n\tthree \u001b[32mgreen\u001b[0m"}`,
  ];
  const filter = await filterOf(contents);
  const may = (query: string) => requiredWords(query, { isWhole: true }).every((word) => mayHave(filter, word));
  expect(['error', 'gone', 'two', 'three', 'green', '31merror', 'ntwo'].map(may)).toEqual(Array(7).fill(true));
  expect(['rror', 'wo', 'reen', 'one two'].map(may)).toEqual([false, false, false, true]);
});

test('of a text that may be in the midst of words, only what is surely a word counts', () => {
  const lengths = (query: string) => requiredWords(query, { isWhole: false }).map(({ length }) => length);
  expect(lengths('rror')).toEqual([]);
  expect(lengths('rror: timeout af')).toEqual([7]);
  expect(lengths(': timeout ')).toEqual([7]);
  expect(lengths('接続でき')).toEqual([1, 1, 1, 1]);
});

test('a filter with too little room leaves out short numbers, and excludes no page for them', async () => {
  const contents = Array.from({ length: 1000 }, (_, index) => `${index} of them`);
  const filter = await filterOf(contents);
  expect(filter.hasShortNumbers).toBe(false);
  const may = (query: string) => requiredWords(query, { isWhole: true }).every((word) => mayHave(filter, word));
  expect([may('of'), may('777'), may('5000'), may('another')]).toEqual([true, true, true, false]);
});

test('filters take at most 8% of their pages on disk', () => {
  for (let gzipBytes = 3000; gzipBytes < 400_000; gzipBytes = Math.ceil(gzipBytes * 1.01)) {
    const row = filterBytes(gzipBytes) + 82;
    const onDisk = row > 8160 ? (row * 8192) / 8160 : 8192 / Math.floor(8160 / row);
    expect([gzipBytes, (onDisk + 55) / gzipBytes < 0.08]).toEqual([gzipBytes, true]);
  }
});
