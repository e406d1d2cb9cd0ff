/** The feed of changes against a hive that is played. */
import { afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import type * as Feed from './feed.js';

let module: typeof Feed;
let streams: PlayedStream[] = [];
let isAway = false;
let asked = 0;
const page = Object.assign(new EventTarget(), { hidden: false });
let end: () => void;

class PlayedStream {
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: string; lastEventId: string }) => void) | undefined;
  onerror: (() => void) | undefined;
  isClosed = false;

  constructor(readonly address: string) {
    streams.push(this);
  }

  close(): void {
    this.isClosed = true;
  }

  tell(position: number): void {
    this.onmessage?.({ data: JSON.stringify({ attempt_id: `${position}` }), lastEventId: `${position}` });
  }
}

const newest = (): PlayedStream => {
  const stream = streams.at(-1);
  if (!stream) throw new Error('no stream was opened');
  return stream;
};

function show(isHidden: boolean): void {
  page.hidden = isHidden;
  page.dispatchEvent(new Event('visibilitychange'));
}

beforeAll(async () => {
  Object.assign(globalThis, {
    location: { origin: 'http://hive' },
    document: page,
    EventSource: PlayedStream,
    fetch: () => {
      asked++;
      const answer = isAway ? new Response('', { status: 502 }) : Response.json({ session: null, hive: {} });
      return Promise.resolve(answer);
    },
  });
  module = await import('./feed.js');
});

beforeEach(() => {
  jest.useFakeTimers();
  [streams, isAway, asked] = [[], false, 0];
  page.hidden = false;
  end = module.followFeed();
});

afterEach(() => {
  end();
  jest.useRealTimers();
});

test('a stream that breaks off goes on from its position, without a word while a hive answers', async () => {
  newest().onopen?.();
  newest().tell(7);
  newest().onerror?.();
  await jest.advanceTimersByTimeAsync(1100);
  expect([streams.length, module.connection.value]).toEqual([2, 'connecting']);
  expect(newest().address).toMatch(/after=7$/);
});

test('a hive that is away is tried less and less often, and by one stream at a time', async () => {
  isAway = true;
  for (let second = 0; second < 60; second++) {
    if (!newest().isClosed) newest().onerror?.();
    await jest.advanceTimersByTimeAsync(1000);
    expect(module.connection.value).toBe('away');
  }
  [streams.length, asked].forEach((count) => expect(count).toBeLessThan(25));
  expect(streams.filter(({ isClosed }) => !isClosed).length).toBeLessThanOrEqual(1);
});

test('a hive that answers but gives no stream is left alone for a while, and what is shown is asked for again', async () => {
  const asksAgain = jest.fn();
  const endMissed = module.onMissed(asksAgain);
  newest().onerror?.();
  await jest.advanceTimersByTimeAsync(1100);
  newest().onerror?.();
  await jest.advanceTimersByTimeAsync(5000);
  expect([streams.length, module.connection.value, asksAgain.mock.calls.length]).toEqual([2, 'silent', 1]);
  await jest.advanceTimersByTimeAsync(6000);
  newest().onopen?.();
  expect([streams.length, module.connection.value, asksAgain.mock.calls.length]).toEqual([3, 'live', 2]);
  endMissed();
});

test('a page that nobody sees gives its connection back, and goes on from its position when it is seen', async () => {
  newest().onopen?.();
  newest().tell(41);
  show(true);
  await jest.advanceTimersByTimeAsync(2000);
  show(false);
  expect([streams.length, newest().isClosed]).toEqual([1, false]);
  show(true);
  await jest.advanceTimersByTimeAsync(60_000);
  expect([streams.length, newest().isClosed]).toEqual([1, true]);
  const asksAgain = jest.fn();
  const endMissed = module.onMissed(asksAgain);
  show(false);
  expect(newest().address).toMatch(/after=41$/);
  newest().onopen?.();
  expect([streams.length, asksAgain.mock.calls.length]).toEqual([2, 1]);
  endMissed();
});

test('a page that nobody sees does not try again either', async () => {
  isAway = true;
  newest().onerror?.();
  show(true);
  await jest.advanceTimersByTimeAsync(9000);
  newest().onerror?.();
  await jest.advanceTimersByTimeAsync(60_000);
  const count = streams.length;
  await jest.advanceTimersByTimeAsync(60_000);
  expect(streams.length).toBe(count);
});
