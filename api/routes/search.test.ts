import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import request from 'supertest';
import { compactLogs } from '../../activities/compact-logs.js';
import { indexLogs } from '../../activities/index-logs.js';
import type { LogLine } from '../../protocol/page.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';

interface Found {
  attempt: { id: string };
  matches: number;
  at_least: boolean;
  first: { execution_id: string; seq: number; content: string; ranges: [number, number][] }[];
}
interface Answer {
  attempts: Found[];
  next_cursor: string | null;
  complete: boolean;
  looked_through: { pages: number; of: number };
  damaged: unknown[];
}

let hive: TestHive;
let nodes: { own: string; foreign: string };
/** The oldest first. */
const attempts: { id: string; executionId: string }[] = [];
const ATTEMPTS = 12;

const line = (content: string): LogLine => ({ output_type: 'stdout', content, timestamp: '2026-01-01T10:00:00.000Z' });

async function seedLog(organizationId: string, nodeId: string, pages: string[][]) {
  const declaredLines = pages.flat().length;
  const id = await seedAttempt(hive.database, {
    organizationId,
    nodeId,
    metadata: { executor: 'CLAUDE', title: 'a search' },
  });
  const executionId = await seedExecution(hive.database, { attemptId: id, nodeId, ordinal: 1, declaredLines });
  for (const lines of pages) await appendPage(hive.database, executionId, lines.map(line));
  return { id, executionId };
}

/** Every attempt has `common`, a word of its own in both pages, and its number in the second one. */
beforeAll(async () => {
  hive = await startTestHive();
  nodes = { own: await seedNode(hive.database, hive.own.id), foreign: await seedNode(hive.database, hive.foreign.id) };
  for (let at = 0; at < ATTEMPTS; at++) {
    const page = (text: string) => Array.from({ length: 700 }, (_, index) => `common word${at} ${text} ${index}`);
    attempts.push(await seedLog(hive.own.id, nodes.own, [page('Straße'), page(`second-${at}-half`)]));
  }
  await seedLog(hive.foreign.id, nodes.foreign, [['common word3 elsewhere']]);
  const logger = pino({ level: 'silent' });
  await compactLogs({ database: hive.database, logger, until: performance.now() + 60_000 });
  await indexLogs({ database: hive.database, logger, until: performance.now() + 60_000 });
});
afterAll(() => hive.close());

async function search(query: Record<string, string | number>, token = hive.own.viewer): Promise<Answer> {
  const answer = await request(hive.app).get('/v1/search').query(query).set('authorization', `Bearer ${token}`);
  expect([answer.status, answer.text.slice(0, 300)]).toEqual([200, expect.anything()]);
  return answer.body as Answer;
}

const numbersOf = ({ attempts: found }: Answer) =>
  found.map(({ attempt }) => attempts.findIndex(({ id }) => id === attempt.id));

test('a word is found in the attempt that has it, with how often and the first lines', async () => {
  const answer = await search({ q: 'word7 strasse', ignore_case: 'true' });
  expect(answer.attempts).toEqual([]); // ß is not ss by simple folding
  const found = await search({ q: 'WORD7 STRAẞE', ignore_case: 'true', first: 2 });
  expect(numbersOf(found)).toEqual([7]);
  const [{ matches, at_least: atLeast, first } = { matches: 0, at_least: true, first: [] }] = found.attempts;
  expect([matches, atLeast, first.map(({ seq }) => seq)]).toEqual([700, false, [1, 2]]);
  expect(first[0]).toMatchObject({
    execution_id: attempts[7]?.executionId,
    content: 'common word7 Straße 0',
    ranges: [[7, 20]],
  });
  expect(found).toMatchObject({
    complete: true,
    next_cursor: null,
    looked_through: { pages: 24, of: 24 },
    damaged: [],
  });
});

test('a part of a word is found as text only, and a regular expression anywhere', async () => {
  expect(numbersOf(await search({ q: 'econd-9-hal' }))).toEqual([]);
  expect(numbersOf(await search({ q: 'second-9' }))).toEqual([9]);
  expect(numbersOf(await search({ q: 'econd-9-hal', match: 'text' }))).toEqual([9]);
  expect(numbersOf(await search({ q: 'nd-(3|4)-h', regex: 'true' }))).toEqual([4, 3]);
  expect(numbersOf(await search({ q: 'common word3 .*half 99$', regex: 'true' }))).toEqual([3]);
});

test('another organisation finds its own lines only', async () => {
  const { attempts: found, looked_through: through } = await search({ q: 'word3' }, hive.foreign.viewer);
  expect(found.map(({ matches }) => matches)).toEqual([1]);
  expect(through).toEqual({ pages: 1, of: 1 });
});

test('the filters of the list limit what is searched', async () => {
  expect(await search({ q: 'common', executor: 'OTHER' })).toMatchObject({ attempts: [], looked_through: { of: 0 } });
  expect(numbersOf(await search({ q: 'common', node_id: nodes.own, title: 'SEARCH', limit: 2 }))).toEqual([11, 10]);
  expect(numbersOf(await search({ q: 'common', node_id: nodes.foreign }))).toEqual([]);
});

test('a cursor goes on where the limit or the time has ended an answer, with every attempt once', async () => {
  const queries: Record<string, string | number>[] = [
    { q: 'common', limit: 5 },
    { q: 'half 650', wait_ms: 1 },
    { q: 'alf 65', match: 'text', wait_ms: 1 },
  ];
  for (const query of queries) {
    const found: number[] = [];
    let cursor: string | null = '';
    let pages = -1;
    for (let answers = 0; cursor !== null; answers++) {
      const answer: Answer = await search({ ...query, first: 1, ...(cursor && { cursor }) });
      found.push(...numbersOf(answer));
      expect(answer.complete).toBe(answer.next_cursor === null);
      expect(answer.looked_through.of).toBe(24);
      expect(answer.looked_through.pages).toBeGreaterThanOrEqual(pages);
      pages = answer.looked_through.pages;
      cursor = answer.next_cursor;
      if (answers > 50) throw new Error('it comes no further');
    }
    expect(found).toEqual(Array.from({ length: ATTEMPTS }, (_, at) => ATTEMPTS - 1 - at));
    expect(pages).toBe(24);
  }
});

test('attempts that arrive while a search goes on are not part of it', async () => {
  const first = await search({ q: 'common', limit: 11 });
  const { id } = await seedLog(hive.own.id, nodes.own, [['common latecomer']]);
  const second = await search({ q: 'common', cursor: first.next_cursor ?? '' });
  expect(numbersOf(second)).toEqual([0]);
  expect(second).toMatchObject({ complete: true, looked_through: { pages: 24, of: 24 } });
  expect((await search({ q: 'latecomer' })).attempts[0]?.attempt.id).toBe(id); // without a filter
  await hive.database.$executeRaw`DELETE FROM attempt WHERE id = ${id}::uuid`;
});

test('with Accept: application/x-ndjson, each attempt is a line of its own', async () => {
  const answer = await request(hive.app)
    .get('/v1/search?q=word5&first=0')
    .set({ authorization: `Bearer ${hive.own.viewer}`, accept: 'application/x-ndjson' })
    .buffer(true)
    .parse((response, done) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => done(null, text));
    });
  const lines = String(answer.body)
    .trimEnd()
    .split('\n')
    .map((json) => JSON.parse(json) as Partial<Answer & Found>);
  expect(lines).toMatchObject([
    { matches: 1400, first: [] },
    { complete: true, next_cursor: null },
  ]);
});

test('queries that can’t be answered are refused, each with the field that is wrong', async () => {
  for (const [query, field] of [
    [{}, 'q'],
    [{ q: '(', regex: 'true' }, 'regex'],
    [{ q: 'a', cursor: 'x' }, 'cursor'],
    [{ q: 'a', cursor: Buffer.from('["all","1"]').toString('base64url') }, 'cursor'],
    [{ q: 'a', wait_ms: '0' }, 'wait_ms'],
    [{ q: 'a', match: 'line' }, 'match'],
  ] as const) {
    const answer = await request(hive.app)
      .get('/v1/search')
      .query(query)
      .set('authorization', `Bearer ${hive.own.viewer}`);
    expect([answer.status, (answer.body as { errors: { field: string }[] }).errors[0]?.field]).toEqual([400, field]);
  }
});

test('pages that are joined while they are searched lose no match', async () => {
  const pages = Array.from({ length: 120 }, (_, page) => [`joined ${page}`, 'other', `needle ${page}`]);
  const { id } = await seedLog(hive.own.id, nodes.own, pages);
  const logger = pino({ level: 'silent' });
  const compacting = compactLogs({ database: hive.database, logger, until: performance.now() + 60_000 });
  const answers = await Promise.all(Array.from({ length: 4 }, () => search({ q: 'needle' })));
  await compacting;
  for (const { attempts: found } of [...answers, await search({ q: 'needle' })]) {
    expect(found.map(({ attempt, matches }) => [attempt.id, matches])).toEqual([[id, 120]]);
  }
});
