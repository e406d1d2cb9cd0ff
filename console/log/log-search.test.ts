import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { LogSearch } from './log-search.js';

const ATTEMPT = { attemptId: 'a', executionId: 'e' };
const QUERY = { text: 'needle', isRegex: false, ignoresCase: true };

let makeSearch: () => LogSearch;
const { fetch } = globalThis;
let respond: typeof fetch;
let asked: URL[] = [];

beforeAll(async () => {
  globalThis.location = { origin: 'http://hive' } as unknown as Location;
  globalThis.fetch = (input, init) => respond(input, init); // the client keeps it
  const { LogSearch: Search } = await import('./log-search.js');
  makeSearch = () => new Search(ATTEMPT);
});

afterAll(() => {
  globalThis.fetch = fetch;
});

afterEach(() => {
  asked = [];
});

/** Answers each request with the next of these. */
function answer(...answers: (() => Response)[]): void {
  respond = (input) => {
    asked.push(new URL((input as Request).url));
    const next = answers[Math.min(asked.length, answers.length) - 1];
    return next ? Promise.resolve(next()) : Promise.reject(new TypeError('no answer'));
  };
}

const match = (seq: number) => JSON.stringify({ seq, content: 'a needle', ranges: [[2, 8]], before: [], after: [] });
const end = (rest: object) =>
  JSON.stringify({ next_cursor: null, has_more: false, looked_through: { lines: 10, of: 30 }, damaged: [], ...rest });

/** In pieces that end in the middle of lines, as a network makes them. */
function ndjson(...lines: string[]): Response {
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  const pieces = [bytes.subarray(0, 11), bytes.subarray(11, 60), bytes.subarray(60)];
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  return new Response(body);
}

async function untilFound(search: LogSearch): Promise<void> {
  while (search.state.value.isSearching) await sleep(5);
}

test('it goes on from answer to answer, and the first match from the line that is read is the current one', async () => {
  answer(
    () => ndjson(match(3), match(70), end({ next_cursor: 'f1', has_more: true })),
    () => ndjson(match(90), end({ looked_through: { lines: 20, of: 30 } })),
  );
  const search = makeSearch();
  search.start(QUERY, 50);
  await untilFound(search);
  expect(search.state.value).toMatchObject({ count: 3, current: 1, linesLooked: 30, linesOf: 30, error: undefined });
  expect(asked.map(({ searchParams }) => searchParams.get('cursor'))).toEqual([null, 'f1']);
  expect(asked[0]?.searchParams.get('ignore_case')).toBe('true');
  expect([search.currentLine, search.rangesOf(70), search.rangesOf(71)]).toEqual([70, [[2, 8]], undefined]);
});

test('the matches go round at both ends', async () => {
  answer(() => ndjson(match(1), match(2), match(3), end({})));
  const search = makeSearch();
  search.start(QUERY, 1);
  await untilFound(search);
  const seen = ([1, 1, 1, -1] as const).map((by) => {
    search.step(by);
    return search.currentLine;
  });
  expect(seen).toEqual([2, 3, 1, 3]);
});

test('if nothing is found from the line on, the first match of all is the current one', async () => {
  answer(() => ndjson(match(1), match(2), end({})));
  const search = makeSearch();
  search.start(QUERY, 1000);
  await untilFound(search);
  expect(search.currentLine).toBe(1);
});

test('a hive that is busy is asked again', async () => {
  answer(
    () => new Response('{}', { status: 429, headers: { 'retry-after': '1' } }),
    () => ndjson(match(1), end({})),
  );
  const search = makeSearch();
  search.start(QUERY, 1);
  while (search.state.value.waiting !== 'busy') await sleep(1);
  await untilFound(search);
  expect(search.state.value).toMatchObject({ count: 1, error: undefined });
});

test('what the hive refuses is said in its words', async () => {
  answer(() => new Response('{"code":"invalid_request","detail":"q: the expression is not closed"}', { status: 400 }));
  const search = makeSearch();
  search.start({ ...QUERY, isRegex: true }, 1);
  await untilFound(search);
  expect(search.state.value.error?.message).toBe('q: the expression is not closed');
});

test('when the hive restarts in the middle of an answer, what it found is asked for again, and the reader stays', async () => {
  let restart: () => void = () => undefined;
  answer(
    () => ndjson(match(1), match(2), end({ next_cursor: 'f1', has_more: true })),
    () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(`${match(8)}\n${match(9)}\n{"se`));
          restart = () => controller.close();
        },
      });
      return new Response(body);
    },
    () => {
      throw new TypeError('nobody listens');
    },
    () => new Response('<h1>Bad gateway</h1>', { status: 502 }),
    () => ndjson(match(8), match(9), end({ looked_through: { lines: 20, of: 30 } })),
  );
  const search = makeSearch();
  search.start(QUERY, 5);
  while (search.currentLine !== 8) await sleep(1);
  search.step(1);
  expect(search.currentLine).toBe(9);
  restart();
  while (search.state.value.waiting !== 'away') await sleep(1);
  expect(search.state.value).toMatchObject({ isSearching: true, count: 2, linesLooked: 10, error: undefined });
  await untilFound(search);
  expect(search.state.value).toMatchObject({ waiting: undefined, count: 4, linesLooked: 30, error: undefined });
  expect(search.lines).toEqual([1, 2, 8, 9]);
  expect(search.currentLine).toBe(9);
  expect(asked.map(({ searchParams }) => searchParams.get('cursor'))).toEqual([null, 'f1', 'f1', 'f1', 'f1']);
});

test('a new search forgets the one before, which ends', async () => {
  answer(() => ndjson(match(1), end({})));
  const search = makeSearch();
  search.start(QUERY, 1);
  search.start({ ...QUERY, text: 'other' }, 1);
  await untilFound(search);
  expect(search.state.value).toMatchObject({ count: 1, query: { text: 'other' } });
  search.stop();
  expect(search.state.value).toMatchObject({ count: 0, query: undefined });
});
