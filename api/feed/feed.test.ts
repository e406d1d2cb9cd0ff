/** The feed as pollers and streams see it: everything, in order, and in the end as the list has it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EventSource } from 'eventsource';
import fc from 'fast-check';
import type { z } from 'zod';
import { numberChanges } from '../../prisma/queries/feed/number-changes.js';
import { tellAllAgain } from '../../prisma/queries/feed/tell-all-again.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { listen } from '../../tests/harness/listen.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { until } from '../../tests/harness/until.js';
import { createHttpServer } from '../app.js';
import { attemptPage } from '../schemas/attempt.js';
import { change, changePage } from '../schemas/change.js';

type Change = z.output<typeof change>;

let hive: TestHive;
let nodeId: string;
let server: ReturnType<typeof createHttpServer>;
let base: string;
const stopping = new AbortController();

beforeAll(async () => {
  hive = await startTestHive({
    stopping: stopping.signal,
    limits: { followIntervalMs: 30, streamHeartbeatMs: 200, streams: 3 },
  });
  nodeId = await seedNode(hive.database, hive.own.id);
  server = createHttpServer(hive.app);
  base = await listen(server);
});
afterAll(async () => {
  stopping.abort();
  server.closeAllConnections();
  server.close();
  await hive.close();
});

const seed = () => seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });

async function poll(after?: number | 'latest', limit = 100, token?: string) {
  const { body } = (await hive.get(
    `/v1/changes?limit=${limit}${after === undefined ? '' : `&after=${after}`}`,
    token,
  )) as { body: unknown };
  return changePage.parse(body);
}

/** Polls until nothing is left, a few changes at a time. */
async function pollAll(after: number | undefined, limit = 2): Promise<{ changes: Change[]; next: number }> {
  const changes: Change[] = [];
  for (let next = after; ;) {
    const page = await poll(next, limit);
    changes.push(...page.changes);
    next = page.next_position;
    if (!page.has_more) return { changes, next };
  }
}

test('a poller is told each change once, in order, and nothing of another organisation', async () => {
  const { next: start } = await pollAll(undefined, 100);
  const ids = [await seed(), await seed(), await seed()];
  const first = await pollAll(start);
  expect(first.changes.map(({ attempt_id }) => attempt_id)).toEqual(ids);
  expect(first.changes).toMatchObject(ids.map((id) => ({ deleted: false, attempt: { id, sync_state: 'partial' } })));
  expect(await poll(first.next)).toEqual({ changes: [], next_position: first.next, has_more: false });
  expect((await poll('latest')).next_position).toBe(first.next);

  await hive.database.attemptSync.update({ where: { attemptId: ids[0] ?? '' }, data: { state: 'complete' } });
  await hive.database.$executeRaw`DELETE FROM attempt WHERE id = ${ids[1]}::uuid`;
  const { changes } = await pollAll(first.next);
  expect(changes).toMatchObject([
    { attempt_id: ids[0], deleted: false, attempt: { sync_state: 'complete' } },
    { attempt_id: ids[1], deleted: true, attempt: null },
  ]);
  const positions = [...first.changes, ...changes].map(({ position }) => position);
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  expect(new Set(positions).size).toBe(positions.length);
  expect((await poll(undefined, 100, hive.foreign.viewer)).changes).toEqual([]);
});

test.each(['x', '-1', '1.5', '9223372036854775808', ''])('what is not a position is refused: %s', async (after) => {
  const { body } = (await hive.get(`/v1/changes?after=${after}`)) as { body: unknown };
  expect(body).toMatchObject({ status: 400, errors: [{ field: 'after' }] });
});

test('a Last-Event-ID that is not a position is refused', async () => {
  for (const id of ['x', '-1', '9223372036854775808', '9999999999999999999']) {
    const headers = { authorization: `Bearer ${hive.own.viewer}`, 'last-event-id': id };
    const refused = await fetch(`${base}/v1/changes/stream`, { headers });
    expect([refused.status, await refused.json()]).toMatchObject([400, { errors: [{ field: 'last-event-id' }] }]);
  }
});

test('a poller that is ahead of a database which went back is told everything again', async () => {
  const id = await seed();
  const { next } = await pollAll(undefined, 100);
  const again = await poll(next + 500, 1000);
  expect(again.changes.map(({ attempt_id }) => attempt_id)).toContain(id);
  await tellAllAgain(hive.database);
  const told = await pollAll(next, 100);
  expect(told.changes.map(({ attempt_id }) => attempt_id)).toContain(id);
  expect(told.next).toBeGreaterThan(next + 500);
});

test('an EventSource gets each change once, also after the connection was lost', async () => {
  const { next } = await pollAll(undefined, 100);
  const seen: Change[] = [];
  const connections: AbortController[] = [];
  const source = new EventSource(`${base}/v1/changes/stream?after=${next}`, {
    fetch: (url, init) => {
      const lost = new AbortController();
      connections.push(lost);
      const headers = { ...init.headers, authorization: `Bearer ${hive.own.viewer}` };
      return fetch(url, {
        ...init,
        headers,
        signal: AbortSignal.any([lost.signal, ...(init.signal ? [init.signal as AbortSignal] : [])]),
      });
    },
  });
  try {
    source.addEventListener('message', ({ data }) => seen.push(change.parse(JSON.parse(data as string))));
    const ids = [await seed(), await seed()];
    await until(() => seen.length === 2, 60_000, 'two changes came');
    server.closeAllConnections();
    ids.push(await seed());
    await until(() => seen.length >= 3, 60_000, 'a change came after the loss');
    expect(seen.map(({ attempt_id }) => attempt_id)).toEqual(ids);
    expect(connections.length).toBeGreaterThan(1);
  } finally {
    source.close();
  }
});

test('streams of the feed count as streams, and HEAD shows how one begins', async () => {
  const headers = { authorization: `Bearer ${hive.own.viewer}` };
  const head = await fetch(`${base}/v1/changes/stream`, { method: 'HEAD', headers });
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const controllers: AbortController[] = [];
  const open = () => {
    controllers.push(new AbortController());
    return fetch(`${base}/v1/changes/stream?after=latest`, { headers, signal: controllers.at(-1)?.signal ?? null });
  };
  const statuses: number[] = [];
  await until(async () => {
    statuses.push((await open()).status);
    return statuses.at(-1) === 503;
  });
  expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(3);
  for (const controller of controllers) controller.abort();
});

type Step = [number, 'run' | 'end' | 'line' | 'sync' | 'title' | 'delete' | 'number' | 'poll'];
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.nat(3),
  fc.constantFrom<Step[1]>('run', 'end', 'line', 'sync', 'title', 'delete', 'number', 'poll'),
);

test('whatever changes when, what a poller saw last of each attempt is what the list has at rest', async () => {
  const { database } = hive;
  await database.$executeRaw`UPDATE node SET last_heartbeat_at = now() + interval '1 hour' WHERE id = ${nodeId}::uuid`;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const attempts = [await seed(), await seed(), await seed(), await seed()];
      const executions = new Map<string, string[]>(attempts.map((id) => [id, []]));
      let position = 0;
      const seen = new Map<string, Change['attempt']>();
      const look = async () => {
        const { changes, next } = await pollAll(position, 3);
        position = next;
        for (const { attempt_id, attempt } of changes) seen.set(attempt_id, attempt);
      };
      for (const [index, what] of steps) {
        const attemptId = attempts[index] ?? '';
        const own = executions.get(attemptId) ?? [];
        const last = own.at(-1);
        if (what === 'poll') await look();
        else if (what === 'number') await numberChanges(database, { notes: 1 });
        else if (what === 'delete') {
          await database.$executeRaw`DELETE FROM attempt WHERE id = ${attemptId}::uuid`;
          executions.delete(attemptId);
        } else if (!executions.has(attemptId)) continue;
        else if (what === 'run') {
          own.push(await seedExecution(database, { attemptId, nodeId, ordinal: own.length + 1, status: 'running' }));
        } else if (what === 'sync') {
          await database.$executeRaw`
            UPDATE attempt_sync SET state = CASE state WHEN 'partial' THEN 'complete' ELSE 'partial' END::sync_state
            WHERE attempt_id = ${attemptId}::uuid`;
        } else if (what === 'title') {
          await database.$executeRaw`UPDATE attempt SET revision = revision + 1 WHERE id = ${attemptId}::uuid`;
        } else if (last !== undefined && what === 'line') {
          await appendPage(database, last, makeLines('x', 1));
        } else if (last !== undefined) {
          await database.$executeRaw`
            UPDATE execution SET status = 'failed', exit_code = 1, ended_at = clock_timestamp() WHERE id = ${last}::uuid`;
        }
      }
      // a stream of an earlier test may still be at it
      while ((await numberChanges(database, { compareEveryMs: 0 })).isElsewhere) await sleep(10);
      await look();
      const { body } = (await hive.get('/v1/swarm/attempts?limit=1000')) as { body: unknown };
      const listed = new Map(attemptPage.parse(body).attempts.map((attempt) => [attempt.id, attempt]));
      for (const id of attempts) expect(seen.get(id) ?? null).toEqual(listed.get(id) ?? null);
    }),
    { numRuns: 15 },
  );
});
