/** What `GET /v1/search` finds, compared with a plain scan of every line. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { pino } from 'pino';
import request from 'supertest';
import { compactLogs } from '../../activities/compact-logs.js';
import { indexLogs } from '../../activities/index-logs.js';
import { isWordBorder } from '../../search/characters.js';
import { endsWithEscape, ESCAPE_PIECES } from '../../tests/harness/escape-borders.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';

const ATTEMPTS = 30;
const timestamp = '2026-01-01T10:00:00.000Z';

/** Few characters of many kinds: most queries then match somewhere, and most lines have something that nearly matches. */
const character = fc.constantFrom(
  ...[
    'a',
    'B',
    'b',
    'ß',
    'ẞ',
    's',
    'ſ',
    'K',
    '\u212a',
    'σ',
    'ς',
    'Σ',
    '0',
    '7',
    '-',
    '_',
    ' ',
    ' ',
    '.',
    '"',
    '\\',
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
    'ع',
    'é',
    'e\u0301',
    '\u0000',
    '\u2028',
    '\ud800',
    '😀',
    '𐐀',
    '𐐨',
    '𠀀',
  ],
  ...ESCAPE_PIECES,
);
const text = (maxLength: number) => fc.array(character, { minLength: 1, maxLength }).map((list) => list.join(''));
const logs = fc.array(fc.array(text(10), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 });

let hive: TestHive;
/** The newest first. */
const attempts: { id: string; contents: string[] }[] = [];

beforeAll(async () => {
  hive = await startTestHive();
  const nodeId = await seedNode(hive.database, hive.own.id);
  for (const [at, pages] of fc.sample(logs, { numRuns: ATTEMPTS, seed: 18 }).entries()) {
    const status = at % 7 === 3 ? 'running' : 'completed'; // those are not indexed
    const declaredLines = pages.flat().length;
    const id = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
    const executionId = await seedExecution(hive.database, {
      attemptId: id,
      nodeId,
      ordinal: 1,
      status,
      declaredLines,
    });
    for (const contents of pages) {
      await appendPage(
        hive.database,
        executionId,
        contents.map((content) => ({ output_type: 'stdout', content, timestamp })),
      );
    }
    attempts.unshift({ id, contents: pages.flat() });
  }
  const logger = pino({ level: 'silent' });
  await compactLogs({ database: hive.database, logger, until: performance.now() + 60_000 });
  const { executions } = await indexLogs({ database: hive.database, logger, until: performance.now() + 60_000 });
  expect(executions).toBeGreaterThan(ATTEMPTS / 2);
});
afterAll(() => hive.close());

interface Query {
  q: string;
  ignoreCase: boolean;
  words: boolean;
}

const equalWithoutCase = (one: string, other: string) =>
  one === other || new RegExp(`^\\u{${(one.codePointAt(0) ?? 0).toString(16)}}$`, 'iu').test(other);

/** Position by position, character by character. */
function matches(content: string, { q, ignoreCase, words }: Query): boolean {
  const [line, wanted] = [Array.from(content), Array.from(q)];
  const at = (place: number) => line[place]?.codePointAt(0);
  return line.some((_, from) => {
    const end = from + wanted.length;
    if (end > line.length) return false;
    const isEqual = wanted.every((each, offset) => {
      const there = line[from + offset] ?? '';
      return ignoreCase ? equalWithoutCase(each, there) : each === there;
    });
    const begins = isWordBorder(at(from - 1), at(from)) || endsWithEscape(line.slice(0, from).join(''));
    return isEqual && (!words || (begins && isWordBorder(at(end - 1), at(end))));
  });
}

/** Sends the request, and counts the matching lines of each attempt. */
async function search(query: Record<string, string>): Promise<[string, number][]> {
  const answer = await request(hive.app)
    .get('/v1/search')
    .query({ ...query, limit: '100', first: '0' })
    .set('authorization', `Bearer ${hive.own.viewer}`);
  expect([answer.status, answer.body]).toMatchObject([200, { complete: true, damaged: [] }]);
  const { attempts: found } = answer.body as { attempts: { attempt: { id: string }; matches: number }[] };
  return found.map(({ attempt, matches: count }) => [attempt.id, count]);
}

test('it finds exactly the attempts and counts exactly the lines that a plain scan does', async () => {
  const somewhere = fc
    .tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat({ max: 4 }))
    .map(([attempt, content, from, length]) => {
      const { contents } = attempts[attempt % attempts.length] ?? { contents: [] };
      const characters = Array.from(contents[content % contents.length] ?? '');
      const start = from % characters.length;
      return characters.slice(start, start + length + 1).join('');
    });
  const q = fc.oneof({ arbitrary: somewhere, weight: 3 }, { arbitrary: text(3), weight: 1 });
  let found = 0;
  const property = fc.asyncProperty(q, fc.boolean(), fc.boolean(), async (wanted, ignoreCase, words) => {
    fc.pre(wanted.isWellFormed());
    const query = { q: wanted, ignoreCase, words };
    const expected = attempts
      .map(({ id, contents }) => [id, contents.filter((content) => matches(content, query)).length])
      .filter(([, count]) => count !== 0);
    found += expected.length;
    const asked = { q: wanted, ignore_case: String(ignoreCase), match: words ? 'word' : 'text' };
    expect(await search(asked)).toEqual(expected);
  });
  await fc.assert(property, { numRuns: 150 });
  expect(found).toBeGreaterThan(150);
});

test('a regular expression finds what a plain scan of every line does', async () => {
  for (const q of [
    'a',
    'a.b',
    'b+ ',
    '^[ab]',
    's.*0$',
    '漢|字',
    '7 .',
    'b\\.',
    ' 0* ',
    'a\\W',
    '\\bB',
    'x?b',
    '-b?-',
    '(a|0)B',
  ]) {
    const plain = new RegExp(q, 'u');
    const expected = attempts
      .map(({ id, contents }) => [id, contents.filter((content) => plain.test(content)).length])
      .filter(([, count]) => count !== 0);
    expect([q, await search({ q, regex: 'true' })]).toEqual([q, expected]);
  }
});

test('a word is found where it is coloured, and at the beginning of a line in what an agent printed as JSON', async () => {
  const nodeId = await seedNode(hive.database, hive.own.id);
  const id = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const seed = { attemptId: id, nodeId, ordinal: 1, status: 'completed' as const, declaredLines: 3 };
  const contents = ['\u001b[1;31mquuxerror\u001b[0m: x', String.raw`{"text":"a\nquuxerror: y"}`, 'aquuxerror'];
  const lines = contents.map((content) => ({ output_type: 'stdout' as const, content, timestamp }));
  await appendPage(hive.database, await seedExecution(hive.database, seed), lines);
  const logger = pino({ level: 'silent' });
  expect(await search({ q: 'quuxerror' })).toEqual([[id, 2]]);
  await compactLogs({ database: hive.database, logger, until: performance.now() + 60_000 });
  await indexLogs({ database: hive.database, logger, until: performance.now() + 60_000 });
  expect(await search({ q: 'quuxerror' })).toEqual([[id, 2]]);
  expect(await search({ q: 'quuxerror', match: 'text' })).toEqual([[id, 3]]);
});
