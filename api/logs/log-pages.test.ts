import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LogLine } from '../../protocol/page.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { logPage, syncLogPage, type LogEntry } from '../schemas/log.js';

let hive: TestHive;
let nodeId: string;

beforeAll(async () => {
  hive = await startTestHive();
  nodeId = await seedNode(hive.database, hive.own.id);
});
afterAll(() => hive.close());

function at<T>(list: T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`nothing at ${index}`);
  return item;
}

/** Makes an attempt whose executions can be appended to, and knows what its log should be. */
async function growingAttempt(statuses: ('running' | 'completed')[]) {
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const executions: string[] = [];
  const truth: LogLine[][] = [];
  for (const status of statuses) {
    const ordinal = executions.length + 1;
    executions.push(await seedExecution(hive.database, { attemptId, nodeId, ordinal, status }));
    truth.push([]);
  }
  return {
    attemptId,
    executions,
    async append(index: number, count: number) {
      const lines = at(truth, index);
      const added = makeLines(`e${index}`, count, lines.length + 1);
      lines.push(...added);
      await appendPage(hive.database, at(executions, index), added);
      await hive.database.execution.updateMany({
        where: { id: at(executions, index), status: { not: 'running' } },
        data: { declaredLines: lines.length },
      });
    },
    expected: () => truth.flatMap((lines) => lines.map(({ content }) => content)),
    expectedOf: (index: number) => at(truth, index).map(({ content }) => content),
  };
}

async function page(attemptId: string, query: Record<string, string | number>) {
  const parameters = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, String(value)] as [string, string]),
  );
  const response = await hive.get(`/v1/swarm/attempts/${attemptId}/logs?${parameters.toString()}`);
  expect(response.status).toBe(200);
  return logPage.parse(response.body);
}

async function readAll(attemptId: string, query: Record<string, string | number>, limit: () => number) {
  const entries: LogEntry[] = [];
  for (let cursor: string | null = null, more = true; more;) {
    const answer = await page(attemptId, { ...query, limit: limit(), ...(cursor !== null && { cursor }) });
    entries.push(...answer.entries);
    cursor = answer.next_cursor;
    more = answer.has_more;
  }
  return entries;
}

const contents = (entries: LogEntry[]) => entries.map(({ content }) => content);
const randomLimit = () => 1 + Math.floor(Math.random() * 400);

test('every line is read once and in order, forward and backward, with any limits', async () => {
  const attempt = await growingAttempt(['completed', 'running', 'completed', 'running']);
  for (const [index, count] of [
    [0, 700],
    [1, 1],
    [1, 350],
    [3, 40],
    [3, 300],
    [0, 90],
  ] as const) {
    await attempt.append(index, count);
  }
  const forward = await readAll(attempt.attemptId, {}, randomLimit);
  expect(contents(forward)).toEqual(attempt.expected());
  expect(forward.map(({ id }) => id)).toEqual(forward.map(({ id }) => id).sort((a, b) => a - b));
  const backward = await readAll(attempt.attemptId, { direction: 'backward' }, randomLimit);
  expect(contents(backward)).toEqual(attempt.expected().reverse());
});

test('a follower gets the later lines of every running execution, each once', async () => {
  const attempt = await growingAttempt(['running', 'completed', 'running', 'running']);
  await attempt.append(1, 30);
  const seen: LogEntry[] = [];
  let cursor: string | null = null;
  for (let round = 0; round < 30; round++) {
    await attempt.append(at([0, 2, 3], round % 3), 1 + (round % 5) * 9);
    do {
      const answer: Awaited<ReturnType<typeof page>> = await page(attempt.attemptId, {
        limit: 1 + (round % 17),
        ...(cursor !== null && { cursor }),
      });
      seen.push(...answer.entries);
      cursor = answer.next_cursor;
      expect(cursor).not.toBeNull();
      if (!answer.has_more) break;
    } while (round % 3 !== 0); // now and then it lags behind
  }
  for (let more = true; more;) {
    const answer = await page(attempt.attemptId, { cursor: cursor ?? '' });
    seen.push(...answer.entries);
    cursor = answer.next_cursor;
    more = answer.has_more;
  }
  expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
  seen.sort((a, b) => a.id - b.id);
  expect(contents(seen)).toEqual(attempt.expected());
});

test('the last page of a log that cannot grow any more has no cursor', async () => {
  const attempt = await growingAttempt(['completed']);
  await attempt.append(0, 10);
  expect((await page(attempt.attemptId, {})).next_cursor).not.toBeNull();
  await hive.database.attemptSync.update({ where: { attemptId: attempt.attemptId }, data: { state: 'complete' } });
  expect(await page(attempt.attemptId, {})).toMatchObject({ next_cursor: null, has_more: false, total_count: 10 });
});

test('filters by execution and by output type, in both directions, with counts from counters', async () => {
  const attempt = await growingAttempt(['completed', 'running']);
  for (let index = 0; index < 6; index++) await attempt.append(index % 2, 100);
  const [first, second] = attempt.executions as [string, string];
  const ofSecond = await readAll(attempt.attemptId, { execution_id: second }, randomLimit);
  expect(contents(ofSecond)).toEqual(attempt.expectedOf(1));
  const stderr = await readAll(attempt.attemptId, { output_type: 'stderr' }, () => 7);
  expect(stderr.every(({ output_type }) => output_type === 'stderr')).toBe(true);
  const backward = await readAll(attempt.attemptId, { output_type: 'stderr', direction: 'backward' }, () => 11);
  expect(backward.reverse()).toEqual(stderr);
  const { total_count } = await page(attempt.attemptId, { output_type: 'stderr', limit: 1 });
  expect(total_count).toBe(stderr.length);
  expect((await page(attempt.attemptId, { output_type: 'system' })).entries).toEqual([]);
  const both = await page(attempt.attemptId, { output_type: 'stderr', execution_id: first });
  expect(both.total_count).toBe(stderr.filter(({ execution_id }) => execution_id === first).length);
});

test('a cursor of one filtered execution marks no other execution as read', async () => {
  const attempt = await growingAttempt(['completed', 'completed']);
  await attempt.append(0, 5);
  await attempt.append(1, 5);
  const filtered = await page(attempt.attemptId, { execution_id: at(attempt.executions, 1) });
  const unfiltered = await page(attempt.attemptId, { cursor: filtered.next_cursor ?? '' });
  expect(contents(unfiltered.entries)).toEqual(attempt.expectedOf(0));
});

test('an entry id is a cursor too, even for later lines of running executions before it', async () => {
  const attempt = await growingAttempt(['running', 'running']);
  await attempt.append(0, 10);
  await attempt.append(1, 10);
  const all = await page(attempt.attemptId, {});
  const middle = all.entries[14] as LogEntry;
  const after = await page(attempt.attemptId, { cursor: middle.id });
  expect(after.entries).toEqual(all.entries.slice(15));
  await attempt.append(0, 3);
  const later = await page(attempt.attemptId, { cursor: after.next_cursor ?? '' });
  expect(contents(later.entries)).toEqual(['e0 11', 'e0 12', 'e0 13']);
  const before = await page(attempt.attemptId, { cursor: middle.id, direction: 'backward', limit: 3 });
  expect(contents(before.entries)).toEqual(['e1 4', 'e1 3', 'e1 2']);
});

test('the original route returns newest first, with entry ids as cursors', async () => {
  const attempt = await growingAttempt(['completed', 'completed']);
  await attempt.append(0, 30);
  await attempt.append(1, 30);
  for (const direction of ['backward', 'forward'] as const) {
    const entries: LogEntry[] = [];
    for (let cursor: number | null = null, more = true; more;) {
      const response = await hive.get(
        `/v1/sync/swarm/attempts/${attempt.attemptId}/logs?limit=7&direction=${direction}` +
          (cursor === null ? '' : `&cursor=${cursor}`),
      );
      const answer = syncLogPage.parse(response.body);
      expect(answer.total_count).toBe(60);
      entries.push(...answer.entries);
      cursor = answer.next_cursor;
      more = answer.has_more;
      expect(cursor).toBe(more ? answer.entries.at(-1)?.id : null);
    }
    expect(contents(entries)).toEqual(direction === 'forward' ? attempt.expected() : attempt.expected().reverse());
  }
});

test.each([
  'nonsense',
  'f',
  'f1.2',
  'f1.2-3.2-4',
  'f0.1-zzzzzz',
  'f1 ',
  '-1',
  '99999999999999999999',
  '9999999999999999',
  '%00',
])('the cursor %j is refused', async (cursor) => {
  const attempt = await growingAttempt(['running']);
  const query = `cursor=${encodeURIComponent(cursor)}`;
  const response = await hive.get(`/v1/swarm/attempts/${attempt.attemptId}/logs?${query}`);
  expect(response.status).toBe(400);
  expect(response.body).toMatchObject({ code: 'invalid_cursor', errors: [{ field: 'cursor' }] });
});

test('a forward cursor is refused for reading backward', async () => {
  const attempt = await growingAttempt(['running']);
  const response = await hive.get(`/v1/swarm/attempts/${attempt.attemptId}/logs?cursor=f0&direction=backward`);
  expect(response.body).toMatchObject({ status: 400, errors: [{ field: 'cursor' }] });
});

test('a damaged page is an error that names the execution and the lines, and no content', async () => {
  const attempt = await growingAttempt(['completed']);
  await attempt.append(0, 5);
  await attempt.append(0, 5);
  const [executionId] = attempt.executions as [string];
  await hive.database.logPage.updateMany({
    where: { executionId, firstSeq: 6 },
    data: { gzip: new Uint8Array(Buffer.from('secret content')) },
  });
  const response = await hive.get(`/v1/swarm/attempts/${attempt.attemptId}/logs`);
  expect(response.status).toBe(500);
  expect(response.body).toMatchObject({ code: 'log_damaged', execution_id: executionId, first_seq: 6, last_seq: 10 });
  expect(response.text).not.toContain('secret');
  const intact = await page(attempt.attemptId, { limit: 5 });
  expect(contents(intact.entries)).toEqual(attempt.expected().slice(0, 5));
  await hive.database.logPage.deleteMany({ where: { executionId, firstSeq: 6 } });
  const hole = await hive.get(`/v1/swarm/attempts/${attempt.attemptId}/logs`);
  expect(hole.body).toMatchObject({ code: 'log_damaged', first_seq: 6 });
});

test('a page ends at 8 MiB, and the next one continues there', async () => {
  const attempt = await growingAttempt(['completed']);
  const [executionId] = attempt.executions as [string];
  const big = 'x'.repeat(1024 * 1024);
  for (let index = 0; index < 12; index++) {
    await appendPage(hive.database, executionId, [
      { output_type: 'stdout', content: big, timestamp: '2026-01-01T10:00:00Z' },
    ]);
  }
  const first = await page(attempt.attemptId, {});
  expect(first).toMatchObject({ has_more: true, total_count: 12 });
  expect(first.entries).toHaveLength(8);
  expect((await page(attempt.attemptId, { cursor: first.next_cursor ?? '' })).entries).toHaveLength(4);
});

test('filtering by an unknown execution is answered with not found', async () => {
  const attempt = await growingAttempt(['completed']);
  const response = await hive.get(`/v1/swarm/attempts/${attempt.attemptId}/logs?execution_id=${attempt.attemptId}`);
  expect(response.body).toMatchObject({ status: 404, error: 'execution not found' });
});
