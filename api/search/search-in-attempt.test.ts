import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import type { z } from 'zod';
import { listen } from '../../tests/harness/listen.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { until } from '../../tests/harness/until.js';
import type { LogLine } from '../../protocol/page.js';
import { compactLogs } from '../../activities/compact-logs.js';
import { searchHere, type Searcher } from '../../search/searcher.js';
import { startSearchThreads, type SearchThreads } from '../../workers/search-threads.js';
import { createHttpServer } from '../app.js';
import { register } from '../metrics.js';
import { attemptSearchPage } from '../schemas/search.js';
import { pagesReader } from './pages-reader.js';

type Answer = z.output<typeof attemptSearchPage>;

let hive: TestHive;
let threads: SearchThreads;
let nodeId: string;

beforeAll(async () => {
  hive = await startTestHive((databaseUrl) => ({
    searcher: (threads = startSearchThreads(databaseUrl)),
    limits: { searches: 3, searchesPerCredential: 2 },
  }));
  nodeId = await seedNode(hive.database, hive.own.id);
});
afterAll(async () => {
  await threads.stop();
  await hive.close();
});

const line = (content: string, output_type: LogLine['output_type'] = 'stdout'): LogLine => ({
  output_type,
  content,
  timestamp: '2026-01-01T10:00:00Z',
});

/** @param executions each a list of pages of contents; a content with an `!` is on stderr */
async function seedLog(executions: string[][][], status: 'completed' | 'running' = 'completed') {
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId, state: 'complete' });
  const ids: string[] = [];
  for (const [index, pages] of executions.entries()) {
    const declaredLines = pages.flat().length;
    const id = await seedExecution(hive.database, { attemptId, nodeId, ordinal: index + 1, status, declaredLines });
    for (const contents of pages) {
      await appendPage(
        hive.database,
        id,
        contents.map((content) => line(content, content.includes('!') ? 'stderr' : 'stdout')),
      );
    }
    ids.push(id);
  }
  return { attemptId, ids, path: `/v1/swarm/attempts/${attemptId}/logs/search` };
}

const withQuery = (path: string, query: Record<string, string | number | boolean>) =>
  `${path}?${new URLSearchParams(Object.entries(query).map(([key, value]): [string, string] => [key, String(value)])).toString()}`;

async function search(path: string, query: Record<string, string | number | boolean>): Promise<Answer> {
  const response = await hive.get(withQuery(path, query));
  expect({ status: response.status, body: response.body as unknown }).toMatchObject({ status: 200 });
  return attemptSearchPage.parse(response.body);
}

async function searchAll(path: string, query: Record<string, string | number | boolean>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let cursor: string | null = null, more = true; more;) {
    const answer: Answer = await search(path, { ...query, ...(cursor !== null && { cursor }) });
    answers.push(answer);
    ({ next_cursor: cursor, has_more: more } = answer);
  }
  return answers;
}

const contents = (answers: Answer[]) => answers.flatMap(({ matches }) => matches.map(({ content }) => content));
const three = [
  [
    ['a hit 1', 'b'],
    ['c', 'a hit! 2'],
  ],
  [['x']],
  [['hit 3'], ['hit 4', 'hit 5!'], ['z']],
];

test('finds the lines in both directions, a few at a time, with every filter', async () => {
  const { path, ids, attemptId } = await seedLog(three);
  const all = ['a hit 1', 'a hit! 2', 'hit 3', 'hit 4', 'hit 5!'];
  for (const limit of [1, 2, 3, 100]) {
    expect(contents(await searchAll(path, { q: 'hit', limit }))).toEqual(all);
    expect(contents(await searchAll(path, { q: 'hit', limit, direction: 'backward' }))).toEqual(all.toReversed());
    expect(contents(await searchAll(path, { q: 'hit', limit, output_type: 'stderr' }))).toEqual(['a hit! 2', 'hit 5!']);
    const ofLast = { q: 'HIT', ignore_case: true, limit, execution_id: ids[2] ?? '' };
    expect(contents(await searchAll(path, ofLast))).toEqual(all.slice(2));
  }
  expect(contents(await searchAll(path, { q: '^hit [^3]$', regex: true }))).toEqual(['hit 4']);
  const [answer] = await searchAll(path, { q: 'hit', limit: 100 });
  expect(answer).toMatchObject({ looked_through: { lines: 9, of: 9 }, next_cursor: null, damaged: [] });
  expect(answer?.matches[1]).toMatchObject({ execution_id: ids[0], seq: 4, output_type: 'stderr', ranges: [[2, 5]] });
  const log = await hive.get(`/v1/swarm/attempts/${attemptId}/logs`);
  const entries = (log.body as { entries: { id: number; seq: number }[] }).entries;
  expect(entries.filter(({ id }) => answer?.matches.some((match) => match.id === id))).toHaveLength(5);
});

test('shows the lines around a match, also those of other pages, as far as its execution has them', async () => {
  const { path } = await seedLog([[['before']], [['1'], ['2'], ['3', 'hit', '5'], ['6'], ['7']], [['after']]]);
  for (const direction of ['forward', 'backward']) {
    const { matches } = await search(path, { q: 'hit', context: 3, direction });
    const around = matches.map(({ before, after }) =>
      [before, after].map((lines) => lines.map(({ content }) => content)),
    );
    expect(around).toEqual([
      [
        ['1', '2', '3'],
        ['5', '6', '7'],
      ],
    ]);
  }
});

test('the log of a running attempt is searched as far as it is stored, and from there on later', async () => {
  const { path, ids } = await seedLog([[['hit 1', 'x']], [['hit 2']]], 'running');
  const first = await search(path, { q: 'hit' });
  expect(first).toMatchObject({ has_more: false, matches: [{ content: 'hit 1' }, { content: 'hit 2' }] });
  await appendPage(hive.database, ids[0] ?? '', [line('hit 3')]);
  await appendPage(hive.database, ids[1] ?? '', [line('x'), line('hit 4')]);
  const later = await search(path, { q: 'hit', cursor: first.next_cursor ?? '' });
  expect(contents([later])).toEqual(['hit 3', 'hit 4']);
  expect(later.looked_through.lines).toBe(3);
  expect(later.next_cursor).not.toBeNull();
});

test('what is damaged is named, and the rest is searched', async () => {
  const { path, ids } = await seedLog([[['hit 1'], ['hit 2', 'hit 3'], ['hit 4']], [['hit 5']]]);
  const [first = '', second = ''] = ids;
  const where = { executionId: first, firstSeq: 2 };
  await hive.database.logPage.updateMany({ where, data: { gzip: new Uint8Array(Buffer.from('no gzip')) } });
  await hive.database.logPage.deleteMany({ where: { executionId: second } });
  for (const direction of ['forward', 'backward']) {
    const { matches, damaged, next_cursor, has_more } = await search(path, { q: 'hit', direction });
    expect(matches.map(({ content }) => content).sort()).toEqual(['hit 1', 'hit 4']);
    const places = [
      { execution_id: first, first_seq: 2, last_seq: 3 },
      { execution_id: second, first_seq: 1, last_seq: 1 },
    ];
    expect(damaged).toEqual(direction === 'forward' ? places : places.toReversed());
    expect({ next_cursor, has_more }).toEqual({ next_cursor: null, has_more: false });
  }
});

test('a log that was replaced while it is searched is searched as it is then', async () => {
  const { path, ids } = await seedLog([[['old'], ['old hit']]]);
  const where = { id: ids[0] ?? '' };
  const first = await search(path, { q: 'old', limit: 1 });
  await hive.database.logPage.updateMany({ where: { executionId: where.id }, data: { logEpoch: 1 } });
  await hive.database.execution.update({ where, data: { logEpoch: 1, storedEpoch: 1 } });
  expect(contents(await searchAll(path, { q: 'hit', cursor: first.next_cursor ?? '' }))).toEqual(['old hit']);
});

test('searches give way while another request is answered, also a refused one, but not for a search', async () => {
  const { path } = await seedLog([[['hit']]]);
  const asked: string[] = [];
  const searcher: Searcher = {
    ...searchHere(pagesReader(hive.database)),
    giveWay() {
      asked.push('taken');
      return () => void asked.push('given back');
    },
  };
  const giving = await startTestHive({ database: hive.database, searcher });
  const answer = (address: string) =>
    request(giving.app).get(address).set('authorization', `Bearer ${hive.own.viewer}`);
  for (const short of [path.replace(/\/search$/, ''), '/v1/swarm/attempts/nonsense']) {
    await answer(short);
    await until(() => asked.length === 2);
    expect(asked.splice(0)).toEqual(['taken', 'given back']);
  }
  for (const searching of [withQuery(path, { q: 'hit' }), '/v1/search?q=hit']) {
    await answer(searching).expect(200);
    expect(asked).toEqual([]);
  }
  await giving.close();
});

/** Does something to the log once, when a search has its first part and before any other is read. */
async function searchWhile(path: string, query: Record<string, string>, change: () => Promise<unknown>) {
  const here = searchHere(pagesReader(hive.database));
  let changed: Promise<unknown> | undefined;
  const searcher: Searcher = {
    ...here,
    async search(...work) {
      await (changed ??= change());
      return here.search(...work);
    },
  };
  const changing = await startTestHive({ database: hive.database, searcher });
  const response = await request(changing.app)
    .get(withQuery(path, query))
    .set('authorization', `Bearer ${hive.own.viewer}`);
  await changing.close();
  return attemptSearchPage.parse(response.body);
}

/** More than the first part has. */
const long = Array.from({ length: 12 }, (_, page) => [`hit ${page}`, 'x'.repeat(40_000)]);

test.each(['forward', 'backward'])(
  '%s, pages that are joined while a search goes on lose no match',
  async (direction) => {
    const { path } = await seedLog([long, long]);
    const before = await hive.database.logPage.count();
    const answer = await searchWhile(path, { q: 'hit', direction }, () =>
      compactLogs({ database: hive.database, logger: hive.logger, until: performance.now() + 60_000 }),
    );
    expect(await hive.database.logPage.count()).toBeLessThan(before);
    const expected = [...long, ...long].map(([content]) => content);
    expect(contents([answer])).toEqual(direction === 'forward' ? expected : expected.toReversed());
    expect(answer).toMatchObject({ damaged: [], has_more: false, looked_through: { lines: 48, of: 48 } });
  },
);

test('a log that is replaced while a search goes on is searched on as it is then', async () => {
  const { path, ids } = await seedLog([long]);
  const answer = await searchWhile(path, { q: 'hit', context: '1' }, async () => {
    const where = { id: ids[0] ?? '' };
    await hive.database.logPage.deleteMany({ where: { executionId: where.id } });
    await hive.database.execution.update({ where, data: { logEpoch: 1, storedEpoch: 1, storedLines: 0 } });
    for (let page = 0; page < 6; page++)
      await appendPage(hive.database, where.id, [line(`new hit ${page}`), line('y')]);
  });
  const found = ['hit 0', 'hit 1', 'new hit 2', 'new hit 3', 'new hit 4', 'new hit 5'];
  expect(contents([answer])).toEqual(found);
  expect(answer.matches.at(-1)?.after.map(({ content }) => content)).toEqual(['y']);
  expect(answer).toMatchObject({ damaged: [], has_more: false });
});

test('as NDJSON it is one match a line, then the rest', async () => {
  const { path } = await seedLog(three);
  const response = await hive
    .get(withQuery(path, { q: 'hit' }))
    .set('accept', 'application/x-ndjson')
    .buffer(true)
    .parse(asText);
  expect(response.headers['content-type']).toContain('application/x-ndjson');
  const lines = (response.body as string)
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as { seq?: number });
  expect(lines.map(({ seq }) => seq)).toEqual([1, 4, 1, 2, 3, undefined]);
  expect(lines.at(-1)).toMatchObject({ has_more: false, looked_through: { lines: 9, of: 9 } });
});

function asText(response: request.Response, done: (error: Error | null, text: string) => void): void {
  let text = '';
  const stream = response as unknown as IncomingMessage;
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  stream.on('end', () => done(null, text));
}

test.each([
  [{ q: '(a{1000}){1000}', regex: true }, 'regex'],
  [{ q: '(', regex: true }, 'regex'],
  [{ q: '' }, 'q'],
  [{ q: 'x'.repeat(1001) }, 'q'],
  [{ q: 'x', context: 51 }, 'context'],
  [{ q: 'x', limit: 1001 }, 'limit'],
  [{ q: 'x', regex: 'maybe' }, 'regex'],
  [{ q: 'x', cursor: 'nonsense' }, 'cursor'],
  [{ q: 'x', cursor: 'f0', direction: 'backward' }, 'cursor'],
])('%j is refused, and the answer names the field', async (query, field) => {
  const { path } = await seedLog([[['x']]]);
  const response = await hive.get(withQuery(path, query));
  expect(response.body).toMatchObject({ status: 400, errors: [{ in: 'query', field }] });
  if ('regex' in query) expect(response.text).not.toContain('a{1000}');
});

test('what is searched for is not logged', async () => {
  const { path } = await seedLog([[['x']]]);
  await search(path, { q: 'my-leaked-secret', limit: 7 });
  const logged = hive.logged.join('');
  expect(logged).toContain('limit=7');
  expect(logged).not.toContain('my-leaked-secret');
});

test('another organisation’s attempt is unknown, and so is an execution of another attempt', async () => {
  const { path } = await seedLog([[['hit']]]);
  expect((await hive.get(withQuery(path, { q: 'hit' }), hive.foreign.admin)).status).toBe(404);
  const other = await seedLog([[['hit']]]);
  const response = await hive.get(withQuery(path, { q: 'hit', execution_id: other.ids[0] ?? '' }));
  expect(response.body).toMatchObject({ status: 404, error: 'execution not found' });
});

test('HEAD answers as GET would, and searches nothing', async () => {
  const { path } = await seedLog([[['hit']]]);
  const before = await metric('searched_pages_total');
  const head = (target: string) => request(hive.app).head(target).set('authorization', `Bearer ${hive.own.viewer}`);
  const response = await head(withQuery(path, { q: 'hit' }));
  expect([response.status, response.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
  expect((await head(withQuery(path, { q: '' }))).status).toBe(400);
  expect(await metric('searched_pages_total')).toBe(before);
});

async function metric(name: string): Promise<number> {
  return (await register.getSingleMetric(name)?.get())?.values[0]?.value ?? 0;
}

test('an answer ends at its time, and says where to go on', async () => {
  const { path } = await seedLog([Array.from({ length: 40 }, (_, index) => [`hit ${index}`, 'x'.repeat(30_000)])]);
  const hurried = await startTestHive({ database: hive.database, limits: { searchMs: 0 } });
  const answers: Answer[] = [];
  for (let cursor = '', more = true; more;) {
    const query = { q: 'hit', ...(cursor !== '' && { cursor }) };
    const response = await request(hurried.app)
      .get(withQuery(path, query))
      .set('authorization', `Bearer ${hive.own.viewer}`);
    const answer = attemptSearchPage.parse(response.body);
    answers.push(answer);
    cursor = answer.next_cursor ?? '';
    more = answer.has_more;
  }
  await hurried.close();
  expect(answers.length).toBeGreaterThan(1);
  expect(contents(answers)).toEqual(Array.from({ length: 40 }, (_, index) => `hit ${index}`));
});

function randomBits(count: number): string {
  return Array.from({ length: count }, () => (Math.random() < 0.5 ? '0' : '1')).join('');
}

test('a reader that goes away ends the search, and each credential has its share', async () => {
  // for this pattern no automaton is small, and the engine looks at every character many times
  const q = '1[01]{900}[^01]';
  const slow = Array.from({ length: 60 }, () => randomBits(20_000));
  const { path } = await seedLog([slow.map((content) => [content])]);
  const server: Server = createHttpServer(hive.app);
  const base = await listen(server);
  const start = (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const running = httpRequest(base + withQuery(path, { q, regex: true }), { headers });
    running.on('error', () => undefined).end();
    return running;
  };
  const running = [hive.own.viewer, hive.own.viewer, hive.own.admin].map(start);
  await until(async () => (await metric('searches_running')) === 3, 60_000, 'searches are running');
  const refused = await hive.get(withQuery(path, { q: 'x' }), hive.own.viewer);
  expect(refused.body).toMatchObject({
    status: 429,
    detail: 'this credential has 2 searches running; try again later',
  });
  expect(refused.headers['retry-after']).toBe('2');
  const full = await hive.get(withQuery(path, { q: 'x' }), hive.own.admin);
  expect(full.body).toMatchObject({ status: 429, detail: 'this hive has 3 searches running; try again later' });
  for (const reader of running) reader.destroy();
  await until(async () => (await metric('searches_running')) === 0, 60_000, 'searches have ended');
  const searched = await metric('searched_pages_total');
  expect(contents([await search(path, { q: '01', limit: 1 })])).toHaveLength(1);
  expect((await metric('searched_pages_total')) - searched).toBeLessThan(60);
  server.closeAllConnections();
  server.close();
});
