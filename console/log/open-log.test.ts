/** An open log against a hive that is played: the parts together, without a browser. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { until } from '../../tests/harness/until.js';
import type { OpenLog, OpenLogOptions } from './open-log.js';
import type { OutputType } from './log-requests.js';

const page = Object.assign(new EventTarget(), { hidden: false });
const ORDINAL = 3 * 2 ** 36;
const isError = (seq: number) => seq % 10 === 0;

/** What the hive has. */
let stored = 0;
let mayGrow = false;
let isAway = false;
let asked: URL[] = [];
let streams: PlayedStream[] = [];

class PlayedStream {
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: string }) => void) | undefined;
  onerror: (() => void) | undefined;
  isClosed = false;
  readonly #ended: (() => void)[] = [];

  constructor(readonly address: string) {
    streams.push(this);
    setTimeout(() => this.onopen?.(), 0);
  }

  addEventListener(_name: 'end', ended: () => void): void {
    this.#ended.push(ended);
  }

  close(): void {
    this.isClosed = true;
  }

  send(seq: number): void {
    stored = Math.max(stored, seq);
    this.onmessage?.({ data: JSON.stringify(entryOf(seq)) });
  }

  end(): void {
    for (const ended of this.#ended) ended();
  }
}

const entryOf = (seq: number) => ({
  ...{ id: ORDINAL + seq, execution_id: 'e', seq, content: `line ${seq}`, timestamp: '2026-01-01T10:00:00Z' },
  output_type: isError(seq) ? 'stderr' : 'stdout',
});

function answer(request: Request): Response {
  const { searchParams } = new URL(request.url);
  asked.push(new URL(request.url));
  if (isAway) throw new TypeError('fetch failed');
  const [limit, isForward] = [Number(searchParams.get('limit')), searchParams.get('direction') === 'forward'];
  const type = searchParams.get('output_type');
  const cursor = searchParams.get('cursor');
  const at = cursor === null ? undefined : Number(cursor) - ORDINAL;
  const passes = (seq: number) => type === null || entryOf(seq).output_type === type;
  const entries = [];
  let seq = isForward ? (at ?? 0) + 1 : Math.min((at ?? stored + 1) - 1, stored);
  for (; seq >= 1 && seq <= stored && entries.length < limit; seq += isForward ? 1 : -1) {
    if (passes(seq)) entries.push(entryOf(seq));
  }
  return Response.json({
    entries,
    has_more: seq >= 1 && seq <= stored,
    next_cursor: isForward && mayGrow ? `f${seq}` : null,
    total_count: type === null ? stored : Math.floor(stored / 10),
  });
}

let openLog: (options?: Partial<OpenLogOptions> & { outputType?: OutputType }) => OpenLog;
let log: OpenLog;

beforeAll(async () => {
  Object.assign(globalThis, {
    location: { origin: 'http://hive' },
    document: page,
    fetch: (request: Request) => Promise.resolve().then(() => answer(request)),
    EventSource: PlayedStream,
    requestAnimationFrame: (run: () => void) => setTimeout(run, 1),
    cancelAnimationFrame: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
  });
  const { OpenLog: Opened } = await import('./open-log.js');
  openLog = ({ outputType, ...options } = {}) => {
    const of = { attemptId: 'a', executionId: 'e', outputType };
    log = new Opened(of, { storedLines: stored, marked: undefined, start: 'marked', ...options });
    log.screen.resize(400);
    log.open();
    return log;
  };
});

beforeEach(() => {
  [stored, mayGrow, isAway, asked, streams] = [0, false, false, [], []];
});

afterEach(() => log.close());

/** Draws as the page does until all that is seen is known. @returns the numbers of the lines that are seen */
async function seen(): Promise<number[]> {
  for (const end = performance.now() + 60_000; performance.now() < end;) {
    await sleep(2);
    const { rows, top } = log.layout();
    let y = top;
    const shown = rows.filter((row) => {
      const from = y;
      y += log.screen.heightOf(row);
      return y > 0 && from < log.screen.height;
    });
    if (log.isRead.value && shown.every(({ kind }) => kind !== 'unknown')) return shown.map(({ key }) => key);
  }
  throw new Error('what is seen never came');
}

/** Resolves when a stream tells what comes. */
const untilLive = () => until(() => log.live.value === 'live');

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('it opens at the end of a million lines, and any line is one request away', async () => {
  stored = 1_000_000;
  openLog();
  expect(await seen()).toEqual(range(999_981, 1_000_000));
  await until(() => log.live.value === 'ended');
  expect(log.isFollowing.value).toBe(false);
  const before = asked.length;
  log.show(500_000);
  expect(await seen()).toContain(500_000);
  expect(asked.length - before).toBe(1);
});

test('it opens at the lines that its address names', async () => {
  stored = 10_000;
  openLog({ marked: { first: 5000, last: 5010 } });
  expect(await seen()).toContain(5000);
  expect(log.marked.value).toEqual({ first: 5000, last: 5010 });
});

test('it follows a million lines, and keeps a bounded number', async () => {
  [stored, mayGrow] = [10, true];
  openLog();
  await seen();
  await untilLive();
  expect(log.isFollowing.value).toBe(true);
  for (let seq = 11; seq <= 1_000_000; seq++) streams[0]?.send(seq);
  expect(await seen()).toEqual(range(999_981, 1_000_000));
  expect(log.rows.store.lines).toBeLessThanOrEqual(16_000);
});

test('it stays where the reader scrolled to, counts what comes, and goes back to it', async () => {
  [stored, mayGrow] = [1000, true];
  openLog();
  await seen();
  await untilLive();
  log.scrolledBy(-500);
  const place = await seen();
  for (let seq = 1001; seq <= 50_000; seq++) streams[0]?.send(seq);
  expect(await seen()).toEqual(place);
  await until(() => log.unseen.value > 0);
  expect([log.isFollowing.value, log.unseen.value]).toEqual([false, 49_000]);
  log.follow(true);
  expect((await seen()).at(-1)).toBe(50_000);
  for (let seq = 50_001; seq <= 50_100; seq++) streams[0]?.send(seq);
  expect((await seen()).at(-1)).toBe(50_100);
});

test('scrolling down to the end follows again', async () => {
  [stored, mayGrow] = [1000, true];
  openLog();
  await seen();
  log.scrolledBy(-500);
  await seen();
  log.scrolledBy(300);
  expect(log.isFollowing.value).toBe(false);
  log.scrolledBy(300);
  expect(log.isFollowing.value).toBe(true);
});

test('when the stream breaks off, it reads the end again, and goes on', async () => {
  [stored, mayGrow] = [100, true];
  openLog();
  await seen();
  await untilLive();
  streams[0]?.onerror?.();
  expect([log.live.value, streams[0]?.isClosed]).toEqual(['away', true]);
  stored = 400_000;
  await untilLive();
  expect(streams).toHaveLength(2);
  expect((await seen()).at(-1)).toBe(400_000);
  streams[1]?.send(400_001);
  expect((await seen()).at(-1)).toBe(400_001);
});

function show(isHidden: boolean): void {
  page.hidden = isHidden;
  page.dispatchEvent(new Event('visibilitychange'));
}

test('while nobody sees the page its stream is closed, and who comes back has every line', async () => {
  [stored, mayGrow] = [100, true];
  openLog();
  await seen();
  await untilLive();
  jest.useFakeTimers();
  show(true);
  jest.advanceTimersByTime(9000);
  expect(streams[0]?.isClosed).toBe(false);
  jest.advanceTimersByTime(1000);
  jest.useRealTimers();
  expect(streams[0]?.isClosed).toBe(true);
  stored = 250;
  show(false);
  await untilLive();
  streams[1]?.send(251);
  expect((await seen()).at(-1)).toBe(251);
  expect(range(1, 251).every((seq) => log.line(seq) !== undefined)).toBe(true);
  expect([streams.length, log.live.value]).toEqual([2, 'live']);
});

test('a hive that is away is asked again, and what was wanted comes', async () => {
  stored = 100_000;
  openLog();
  await seen();
  isAway = true;
  log.show(50_000);
  log.layout();
  await until(() => log.error.value instanceof TypeError);
  isAway = false;
  await until(() => log.error.value === undefined);
  expect(await seen()).toContain(50_000);
});

test('only one output is shown if that is asked for, also further up', async () => {
  stored = 100_000;
  openLog({ outputType: 'stderr' });
  const last = await seen();
  expect(last.at(-1)).toBe(100_000);
  expect(last.every(isError)).toBe(true);
  for (let turn = 0; turn < 100; turn++) {
    log.scrolledBy(-400);
    await seen();
  }
  const further = await seen();
  expect(further).toEqual(range(0, 19).map((index) => (further[0] ?? 0) + index * 10));
  expect(further[0]).toBe(100_000 - 19 * 10 - 100 * 20 * 10);
  log.show(50_001);
  expect(await seen()).toContain(50_010);
});

test('the stream says that nothing more will come', async () => {
  [stored, mayGrow] = [10, true];
  openLog();
  await seen();
  await untilLive();
  streams[0]?.end();
  expect([log.live.value, log.isFollowing.value, streams[0]?.isClosed]).toEqual(['ended', false, true]);
});

test('a log without lines is empty, and fills as lines come', async () => {
  mayGrow = true;
  openLog();
  while (streams.length === 0) await sleep(2);
  expect(log.rows.count).toBe(0);
  streams[0]?.send(1);
  expect(await seen()).toEqual([1]);
});
