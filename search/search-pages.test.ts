import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeLine, encodePageSync, type LogLine, type NumberedPage } from '../protocol/page.js';
import { cpuMsOf } from '../tests/harness/cpu-time.js';
import { isWordBorder } from './characters.js';
import { compileQuery } from './compile-query.js';
import { MAX_RANGES, searchPages, type FoundInPart, type SearchedPart } from './search-pages.js';
import { QueryError, type SearchQuery } from './search-query.js';

/** Few characters, so that they meet: with every kind of escape, in several scripts and cases, and halves of pairs. */
const CHARACTERS = [
  ...Array.from('aAsſkKßẞiİıσςΣ"\\/ \t\n\b\u0000\u001b\u007f漢ไ😀𐐀𐐨.-1'),
  '\ud83d',
  '\ude00',
  '\u2028',
];
const text = (max: number) =>
  fc.array(fc.constantFrom(...CHARACTERS), { maxLength: max }).map((characters) => characters.join(''));
const wellFormed = (max: number) => text(max).filter((value) => value !== '' && value.isWellFormed());

/** Forms of the same JSON: a character as itself, or by any of its escapes. */
function escapedAnyhow(line: string, forms: number[]): string {
  let index = 0;
  return line.replace(/\\[^u]|\\u[0-9a-f]{4}|[^\\]/gu, (form) => {
    const choice = forms[index++ % forms.length] ?? 0;
    const value = form.length === 1 && form < ' ' ? form : (JSON.parse(`"${form === '"' ? '\\"' : form}"`) as string);
    if (choice === 0 || form === '"') return form;
    if (choice === 1 && value === '/') return '\\/';
    const hex = (unit: string) => unit.charCodeAt(0).toString(16).padStart(4, '0');
    return value
      .split('')
      .map((unit) => `\\u${choice === 2 ? hex(unit) : hex(unit).toUpperCase()}`)
      .join('');
  });
}

const line = fc.record({
  output_type: fc.constantFrom('stdout' as const, 'stderr' as const),
  content: text(12),
  timestamp: fc.constant('2026-01-01T10:00:00.000Z'),
  forms: fc.array(fc.constantFrom(0, 0, 1, 2, 3), { minLength: 1, maxLength: 7 }),
});

type TestLine = LogLine & { forms: number[] };

/** Only the content's characters get other forms, so that keys stay as they are. */
function encodeOddly({ forms, ...plain }: TestLine): string {
  const encoded = encodeLine(plain);
  const content = JSON.stringify(plain.content);
  return encoded.replace(content, () => `"${escapedAnyhow(content.slice(1, -1), forms)}"`);
}

function toPages(lines: TestLine[], size: number): NumberedPage[] {
  const pages: NumberedPage[] = [];
  for (let start = 0; start < lines.length; start += size) {
    const some = lines.slice(start, start + size);
    const gzip = encodePageSync(some.map(encodeOddly).join('\n'));
    pages.push({ gzip, firstSeq: start + 1, lastSeq: start + some.length });
  }
  return pages;
}

/** The plain scan. */
function matchesPlainly({ q, regex, ignoreCase, words }: SearchQuery, content: string): boolean {
  if (regex) return new RegExp(q, ignoreCase ? 'iu' : 'u').test(content);
  const points = Array.from(content);
  const wanted = Array.from(q);
  return points.some((_, start) => {
    const found = points.slice(start, start + wanted.length);
    const equal =
      found.length === wanted.length && found.every((point, index) => isEqual(point, wanted[index] ?? '', ignoreCase));
    const code = (index: number) => points[index]?.codePointAt(0);
    const end = start + wanted.length;
    return equal && (!words || (isWordBorder(code(start - 1), code(start)) && isWordBorder(code(end - 1), code(end))));
  });
}

function isEqual(a: string, b: string, ignoreCase: boolean): boolean {
  if (a === b) return true;
  return ignoreCase && new RegExp(`^${b.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`, 'iu').test(a);
}

const WHOLE = { context: 0, maxMs: 60_000, maxCharacters: 1e9 };

/** Searches part by part, as the API does, until all has been looked at. */
function searchAll(query: SearchQuery, part: Omit<SearchedPart, 'fromSeq' | 'toSeq'>, last: number): FoundInPart[] {
  const answers: FoundInPart[] = [];
  for (let [fromSeq, toSeq] = [1, last]; fromSeq <= toSeq;) {
    const pages = part.pages.filter((page) => page.lastSeq >= fromSeq && page.firstSeq <= toSeq);
    const found = searchPages(compileQuery(query), { ...part, pages, fromSeq, toSeq });
    answers.push(found);
    if (found.lookedTo === undefined) throw new Error('it comes no further');
    if (part.direction === 'forward') fromSeq = found.lookedTo + 1;
    else toSeq = found.lookedTo - 1;
  }
  return answers;
}

/** In both syntaxes the same; RE2's `.` is what is no newline. */
const REGEXES = ['[aß]+', '^a', 's$', '[^\n]', '^$', 'a|1', '漢[^\n]', '(?:k|\\.)[^a]', '😀', '[^a-z]{2}'];

test('what a plain scan finds is found, each line once and in order, whatever the escapes and where pages end', () => {
  const query = fc.oneof(
    fc.record({ q: wellFormed(3), regex: fc.constant(false), ignoreCase: fc.boolean(), words: fc.boolean() }),
    fc.record({
      q: fc.constantFrom(...REGEXES),
      regex: fc.constant(true),
      ignoreCase: fc.boolean(),
      words: fc.constant(false),
    }),
  );
  const options = fc.record({
    direction: fc.constantFrom('forward' as const, 'backward' as const),
    outputType: fc.constantFrom(undefined, 'stdout' as const),
    limit: fc.integer({ min: 1, max: 5 }),
  });
  const lines = fc.array(line, { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 9 }), query, options, (all, size, asked, { direction, ...rest }) => {
      const pages = toPages(all, size);
      if (direction === 'backward') pages.reverse();
      const answers = searchAll(asked, { ...WHOLE, ...rest, pages, direction }, all.length);
      const expected = all.flatMap(({ content, output_type }, index) =>
        (rest.outputType ?? output_type) === output_type && matchesPlainly(asked, content) ? [index + 1] : [],
      );
      if (direction === 'backward') expected.reverse();
      const found = answers.flatMap(({ matches }) => matches);
      expect(found.map(({ seq }) => seq)).toEqual(expected);
      for (const { seq, json, ranges } of found) {
        const content = all[seq - 1]?.content ?? '';
        expect(JSON.parse(json)).toMatchObject({ content });
        const bytes = Buffer.from(content);
        let before = 0;
        for (const [from, to] of ranges) {
          expect(from).toBeGreaterThanOrEqual(before);
          before = to;
          if (!asked.regex && !asked.ignoreCase) expect(bytes.toString('utf8', from, to)).toBe(asked.q);
        }
      }
    }),
    { numRuns: 1500 },
  );
});

const plain = (content: string): TestLine => ({
  output_type: 'stdout',
  content,
  timestamp: '2026-01-01T10:00:00.000Z',
  forms: [0],
});
const literal = (q: string): SearchQuery => ({ q, regex: false, ignoreCase: false, words: false });

function searchLines(query: SearchQuery, contents: string[], rest: Partial<SearchedPart> = {}) {
  const pages = toPages(contents.map(plain), 3);
  const whole = { ...WHOLE, pages, direction: 'forward' as const, fromSeq: 1, toSeq: contents.length, limit: 100 };
  return searchPages(compileQuery(query), { ...whole, ...rest });
}

test('the lines around a match come from its page and its neighbours, and long ones are cut', () => {
  const contents = ['one', 'two', 'three', 'hit', 'five', 'ü'.repeat(3000), 'seven'];
  const { matches } = searchLines(literal('hit'), contents, { context: 2 });
  const shown = matches.map(({ before, after }) =>
    [before, after].map((lines) => lines.map(({ json }) => JSON.parse(json) as object)),
  );
  expect(shown).toMatchObject([
    [
      [{ content: 'two' }, { content: 'three' }],
      [{ content: 'five' }, { content: 'ü'.repeat(2048), cut: true }],
    ],
  ]);
  expect(matches[0]?.before.map(({ seq }) => seq)).toEqual([2, 3]);
});

test('ranges are byte offsets, and no more than a hundred', () => {
  const { matches } = searchLines(literal('ö'), ['aöbö😀ö', 'ö'.repeat(500)]);
  expect(matches[0]?.ranges).toEqual([
    [1, 3],
    [4, 6],
    [10, 12],
  ]);
  expect(matches[1]?.ranges).toHaveLength(MAX_RANGES);
});

test('it can count on above its limit', () => {
  const { matches, count, isDone } = searchLines(literal('x'), Array<string>(10).fill('x'), {
    limit: 2,
    countTo: Infinity,
  });
  expect({ shown: matches.length, count, isDone }).toEqual({ shown: 2, count: 10, isDone: true });
});

test('it stops at its time and its size, and says how far it came', () => {
  const contents = Array<string>(10).fill('xxxxxxxxxx');
  expect(searchLines(literal('x'), contents, { maxCharacters: 150 })).toMatchObject({
    lookedTo: 2,
    isDone: false,
    count: 2,
  });
  expect(searchLines(literal('x'), contents, { maxMs: 0 })).toMatchObject({ lookedTo: undefined, isDone: false });
});

test('it comes further although to open a page has taken all its time', () => {
  const pages = toPages(['x', 'x', 'x'].map(plain), 3);
  const matcher = compileQuery(literal('x'));
  const slow = {
    ...matcher,
    mayMatchPage(page: Parameters<typeof matcher.mayMatchPage>[0]) {
      for (const end = performance.now() + 20; performance.now() < end;);
      return matcher.mayMatchPage(page);
    },
  };
  const part = { ...WHOLE, pages, fromSeq: 1, toSeq: 3, direction: 'forward' as const, limit: 10, maxMs: 5 };
  expect(searchPages(slow, part)).toMatchObject({ lookedTo: 1, count: 1, isDone: false });
});

test('a damaged page is passed over and named, and so is a damaged line', () => {
  const pages = toPages(['hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'hit'].map(plain), 3);
  const damagedLine = Buffer.from(`${encodeLine(plain('hit'))}\n{"content":"hit"\n${encodeLine(plain('hit'))}`);
  pages[0] = { firstSeq: 1, lastSeq: 3, gzip: encodePageSync(damagedLine) };
  pages[1] = { firstSeq: 4, lastSeq: 6, gzip: Buffer.from('no gzip') };
  const part = { ...WHOLE, pages, fromSeq: 1, toSeq: 7, limit: 10, direction: 'forward' as const };
  const { matches, damaged, isDone } = searchPages(compileQuery(literal('hit')), part);
  expect(matches.map(({ seq }) => seq)).toEqual([1, 3, 7]);
  expect(damaged).toEqual([
    { firstSeq: 2, lastSeq: 2 },
    { firstSeq: 4, lastSeq: 6 },
  ]);
  expect(isDone).toBe(true);
});

test.each([
  '(a{1000}){1000}',
  '(((a{100}){100}){100})',
  'a{999}'.repeat(100),
  '\\pL{900}{9}',
  '(',
  '[z-a]',
  '(?<=a)b',
  'a**',
  '\\8',
])('the regular expression %j is refused, without being quoted', (q) => {
  let fault: unknown;
  const tookMs = cpuMsOf(() => {
    try {
      compileQuery({ ...literal(q), regex: true });
    } catch (error) {
      fault = error;
    }
  });
  expect(fault).toBeInstanceOf(QueryError);
  expect((fault as QueryError).message).not.toContain(q);
  expect(tookMs).toBeLessThan(2000);
});

test('regular expressions that make others backtrack take linear time', () => {
  const content = 'a'.repeat(100_000);
  for (const q of ['(a+)+$x', '(a|aa)+b', '(a*)*b', '(.*)(.*)(.*)(.*)[^a]']) {
    const search = () => expect(searchLines({ ...literal(q), regex: true }, [content]).count).toBe(0);
    expect(cpuMsOf(search)).toBeLessThan(3000);
  }
});
