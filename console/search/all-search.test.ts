import { afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { AllSearch as AllSearchType } from './all-search.js';
import type { Waiting } from '../hive/until-answered.js';
import type { SearchRest } from './search-answer.js';

type Answer = (url: URL, signal: AbortSignal) => Response | Promise<Response>;
let answer: Answer;
let asked: URL[] = [];
let AllSearch: typeof AllSearchType;

beforeAll(async () => {
  Object.assign(globalThis, {
    location: new URL('http://hive.test/search'),
    fetch: (request: Request) => {
      const url = new URL(request.url);
      asked.push(url);
      return answer(url, request.signal);
    },
  });
  ({ AllSearch } = await import('./all-search.js'));
});
afterEach(() => {
  asked = [];
});

const QUERY = { q: 'x', mode: 'word', ignoreCase: false, filters: {} } as const;
const found = (id: string) => ({ attempt: { id }, matches: 1, at_least: false, first: [] });
const rest = (next: string | null): SearchRest => ({
  next_cursor: next,
  complete: next === null,
  looked_through: { pages: 1, of: 2 },
  damaged: [],
});
const lines = (...objects: object[]) => objects.map((object) => `${JSON.stringify(object)}\n`).join('');
const ids = ({ state }: AllSearchType) => state.value.found.map(({ attempt }) => attempt.id);

async function ended(search: AllSearchType): Promise<string> {
  search.goOn();
  while (search.state.value.phase === 'searching') await new Promise((done) => void setTimeout(done, 1));
  return search.state.value.phase;
}

test('it goes on where the last answer ended, until everything has been looked through', async () => {
  const search = new AllSearch(QUERY);
  answer = () => new Response(lines(found('a'), found('b'), rest('c1')));
  expect(await ended(search)).toBe('paused');
  answer = () => new Response(lines(found('c'), rest(null)));
  expect(await ended(search)).toBe('complete');
  expect(ids(search)).toEqual(['a', 'b', 'c']);
  expect(asked.map((url) => url.searchParams.get('cursor'))).toEqual([null, 'c1']);
  await ended(search);
  expect(asked).toHaveLength(2);
});

test('a hive that is busy, restarts or is away is asked again, and nothing is shown twice', async () => {
  const search = new AllSearch(QUERY);
  const answers: [Waiting, Answer][] = [
    ['busy', () => new Response('{}', { status: 429, headers: { 'retry-after': '0' } })],
    ['busy', () => new Response('{}', { status: 503 })],
    ['away', () => new Response('<h1>Bad gateway</h1>', { status: 502 })],
    ['away', () => Promise.reject(new TypeError('nobody listens'))],
    ['away', () => new Response(lines(found('a')))],
    ['away', () => new Response(`${lines(found('a'))}{"att`)],
  ];
  const waited: unknown[] = [];
  const stop = search.state.subscribe(({ waiting, phase }) => {
    if (waiting) waited.push([phase, waiting]);
  });
  answer = (url, signal) => {
    const [, next] = answers[asked.length - 1] ?? [];
    return next?.(url, signal) ?? new Response(lines(found('a'), found('b'), rest(null)));
  };
  jest.useFakeTimers();
  search.goOn();
  while (search.state.value.phase === 'searching') await jest.advanceTimersByTimeAsync(500);
  jest.useRealTimers();
  stop();
  expect(waited).toEqual(answers.map(([why]) => ['searching', why]));
  expect(search.state.value).toMatchObject({ phase: 'complete', error: undefined, waiting: undefined });
  expect(ids(search)).toEqual(['a', 'b']);
});

test('somebody who stops it while the hive is away can go on', async () => {
  const search = new AllSearch(QUERY);
  answer = () => new Response('{}', { status: 503, headers: { 'retry-after': '3600' } });
  search.goOn();
  while (!search.state.value.waiting) await new Promise((done) => void setTimeout(done, 1));
  search.stop();
  while (search.state.value.phase === 'searching') await new Promise((done) => void setTimeout(done, 1));
  expect(search.state.value).toMatchObject({ phase: 'paused', waiting: undefined, error: undefined });
  answer = () => new Response(lines(rest(null)));
  expect(await ended(search)).toBe('complete');
});

test('a refusal is told in the words of the hive', async () => {
  const search = new AllSearch({ ...QUERY, mode: 'regex' });
  const problem = { code: 'invalid_request', detail: 'regex: missing )' };
  answer = () => Response.json(problem, { status: 400 });
  expect(await ended(search)).toBe('failed');
  expect(search.state.value.error?.message).toBe('regex: missing )');
});

test('somebody who stops it keeps what was found, and can go on', async () => {
  const search = new AllSearch(QUERY);
  answer = (_, signal) =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(lines(found('a'))));
          signal.addEventListener('abort', () => controller.error(signal.reason));
        },
      }),
    );
  search.goOn();
  while (ids(search).length === 0) await new Promise((done) => void setTimeout(done, 1));
  search.stop();
  while (search.state.value.phase === 'searching') await new Promise((done) => void setTimeout(done, 1));
  expect([search.state.value.phase, search.state.value.error]).toEqual(['paused', undefined]);
  answer = () => new Response(lines(found('a'), found('b'), rest(null)));
  expect(await ended(search)).toBe('complete');
  expect(ids(search)).toEqual(['a', 'b']);
});
