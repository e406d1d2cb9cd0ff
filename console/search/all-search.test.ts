import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { AllSearch as AllSearchType } from './all-search.js';
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

test('an answer that is cut off is asked for again, and nothing is shown twice', async () => {
  const search = new AllSearch(QUERY);
  for (const cut of [lines(found('a')), `${lines(found('a'))}{"att`, '']) {
    answer = () => new Response(cut);
    expect(await ended(search)).toBe('failed');
    expect(search.state.value.error?.name).toBe('CutOffError');
  }
  answer = () => new Response(lines(found('a'), found('b'), rest(null)));
  expect(await ended(search)).toBe('complete');
  expect(search.state.value.error).toBeUndefined();
  expect(ids(search)).toEqual(['a', 'b']);
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
