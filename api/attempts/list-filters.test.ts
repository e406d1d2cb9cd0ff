/** The list's filters, its order by change, and the counts. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { storeMetadata } from '../../prisma/queries/store-metadata.js';
import type { NodeSession } from '../../prisma/session.js';
import type { AttemptSync, ExecutionSync } from '../../protocol/frames.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { attemptFrame, executionFrame } from '../../tests/harness/scripted-node.js';
import { seedNode } from '../../tests/harness/seed.js';
import { attemptCounts, attemptPage } from '../schemas/attempt.js';

let hive: TestHive;
let session: NodeSession;
const TASK = randomUUID();

beforeAll(async () => {
  hive = await startTestHive();
  const nodeId = await seedNode(hive.database, hive.own.id);
  session = { nodeId, organizationId: hive.own.id, fence: 1n };
});
afterAll(() => hive.close());

const script = (text: string) => ({ executor_action: { typ: { type: 'ScriptRequest', script: text } } });

async function store(changes: Partial<AttemptSync>, ...executions: Partial<ExecutionSync>[]): Promise<string> {
  const attempt = attemptFrame({ execution_count: executions.length, ...changes });
  const frames = executions.map((execution) => executionFrame(attempt, execution));
  await storeMetadata(hive.database, session, { attempts: [attempt], executions: frames });
  return attempt.attempt_id;
}

async function list(query: string): Promise<string[]> {
  const { body } = (await hive.get(`/v1/swarm/attempts?${query}`)) as { body: unknown };
  return attemptPage.parse(body).attempts.map(({ id }) => id);
}

async function counts(query = '', token?: string) {
  const { body } = (await hive.get(`/v1/swarm/attempts/counts?${query}`, token)) as { body: unknown };
  return attemptCounts.parse(body);
}

test('lists are filtered by each field, and by several at once; counts are of the same attempts', async () => {
  const running = await store({ title: 'Fix the Élan [1]', branch: 'feat/a' }, { status: 'running' });
  const failed = await store(
    { title: null, created_at: '1970-01-01T00:00:00Z', shared_task_id: TASK, branch: 'main\0' },
    { status: 'failed', exit_code: 2, ...script('CARGO test') },
  );
  const killed = await store({ title: 'ΣΊΣΥΦΟΣ', created_at: '2099-12-31T23:59:59Z' }, { status: 'killed' });
  const empty = await store({ title: '100%_a.b', executor: 'CODEX' });
  const cases: [string, string[]][] = [
    ['status=running', [running]],
    ['status=failed', [failed]],
    ['status=completed', []],
    ['status=killed&executor=SHELL', [killed]],
    ['executor=CODEX', [empty]],
    ['branch=feat/a', [running]],
    [`branch=${encodeURIComponent('main\uFFFD')}`, [failed]],
    [`task=${TASK}`, [failed]],
    [`q=${encodeURIComponent('élan [1')}`, [running]],
    ['q=cargo%20T', [failed]],
    [`q=${encodeURIComponent('σίσυφος')}`, [killed]],
    [`q=${encodeURIComponent('%_a.')}`, [empty]],
    ['q=.', [empty]],
    ['since=2099-01-01T00:00:00Z', [killed]],
    ['until=1970-01-01T00:00:01%2B00:00', [failed]],
    [`id_prefix=${failed.slice(0, 8)}`, [failed]],
    [`id_prefix=${failed.slice(0, 12).toUpperCase()}`, [failed]],
    [`id_prefix=${failed}&status=failed`, [failed]],
    [`status=failed&order=created&node_id=${session.nodeId}&sync_state=partial`, []],
    ['order=changed', [empty, killed, failed, running]],
    ['', [empty, killed, failed, running]],
  ];
  for (const [query, expected] of cases) {
    expect([query, await list(query)]).toEqual([query, expected]);
    if (query.includes('order')) continue;
    expect([query, (await counts(query)).total]).toEqual([query, expected.length]);
  }
  expect(await counts()).toEqual({
    total: 4,
    by_status: { running: 1, completed: 0, failed: 1, killed: 1, none: 1 },
    by_sync_state: { partial: 1, pending_backfill: 0, complete: 3, unavailable: 0 },
  });
  expect((await counts('', hive.foreign.viewer)).total).toBe(0);
  await hive.database.$executeRaw`DELETE FROM attempt WHERE id = ${failed}::uuid`;
  expect((await counts()).by_status).toMatchObject({ failed: 0, killed: 1 });
});

test('ordered by change, what has changed last is first, and a cursor goes on', async () => {
  const ids = [await store({ title: 'one' }), await store({ title: 'two' }), await store({ title: 'three' })];
  await list('order=changed');
  await hive.database.attemptSync.update({ where: { attemptId: ids[0] ?? '' }, data: { requestedAt: new Date() } });
  const first = attemptPage.parse((await hive.get('/v1/swarm/attempts?order=changed&limit=2')).body);
  expect(first.attempts.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
  const rest = await list(`order=changed&limit=1&cursor=${first.next_cursor ?? ''}`);
  expect(rest).toEqual([ids[1]]);
  const { position, changed_at } = first.attempts[0] ?? {};
  expect(position).toBeGreaterThan(first.attempts[1]?.position ?? Infinity);
  expect(Math.abs(Date.now() - Date.parse(changed_at ?? ''))).toBeLessThan(60_000);
});

test('a list, the counts and a search can be of what has changed after a position, and of one status besides', async () => {
  const before = (await hive.get('/v1/changes?after=latest')).body as { next_position: number };
  const after = `after=${before.next_position}`;
  const ended = await store({ title: 'newer' }, { status: 'completed', exit_code: 0 });
  const running = await store({ title: 'newer still' }, { status: 'running' });
  expect(await list(after)).toEqual([running, ended]);
  expect(await list(`${after}&status=completed&order=changed`)).toEqual([ended]);
  expect((await counts(after)).by_status).toMatchObject({ completed: 1, running: 1 });
  expect((await hive.get(`/v1/search?q=x&${after}`)).status).toBe(200);
  expect(await list('after=9223372036854775807')).toEqual([]);
  for (const wrong of ['-1', 'latest', '9223372036854775808', '1e3']) {
    const { status, body } = (await hive.get(`/v1/swarm/attempts?after=${wrong}`)) as { status: number; body: unknown };
    expect([status, (body as { error: string }).error]).toEqual([400, 'after: must be a position']);
  }
});

test('a page far down is reached by how many come before it, from the newest or from a cursor, in every order', async () => {
  for (let made = 0; made < 5; made++) await store({ title: `skipped ${made}` });
  for (const order of ['arrived', 'created', 'changed']) {
    const all = await list(`q=skipped&order=${order}`);
    expect(all).toHaveLength(5);
    expect(await list(`q=skipped&order=${order}&skip=3&limit=1`)).toEqual([all[3]]);
    const { body } = (await hive.get(`/v1/swarm/attempts?q=skipped&order=${order}&limit=1`)) as { body: unknown };
    const { next_cursor: cursor } = attemptPage.parse(body);
    expect(await list(`q=skipped&cursor=${cursor ?? ''}&skip=2`)).toEqual(all.slice(3));
    expect(await list(`q=skipped&cursor=${cursor ?? ''}&skip=4`)).toEqual([]);
  }
});

test.each(['skip=1000001', 'id_prefix=abc', 'id_prefix=xyzw', 'q=', 'since=yesterday', 'status=odd', 'order=other'])(
  'a wrong filter is refused: %s',
  async (query) => {
    const { body } = (await hive.get(`/v1/swarm/attempts?${query}`)) as { body: unknown };
    expect(body).toMatchObject({ status: 400, errors: [{ field: query.split('=')[0] }] });
  },
);

test('an attempt whose runs are nested shows the one that ended last, and the first of those that run', async () => {
  const times = (from: number, to: number) => ({
    created_at: `2026-02-01T10:00:${from}Z`,
    started_at: `2026-02-01T10:00:${from}Z`,
    completed_at: `2026-02-01T10:00:${to}Z`,
  });
  const attempt = attemptFrame({ title: 'nested', execution_count: 2 });
  const outer = executionFrame(attempt, { ...times(10, 50), ...script('make'), completed_at: null });
  const inner = executionFrame(attempt, { ...times(20, 30), ...script('lint'), status: 'failed', exit_code: 1 });
  const view = async () => attemptPage.parse((await hive.get('/v1/swarm/attempts?q=nested')).body).attempts[0];
  await storeMetadata(hive.database, session, { attempts: [attempt], executions: [outer, inner] });
  expect(await view()).toMatchObject({ status: 'running', exit_code: null, command: 'make', ended_at: null });
  const done = { ...outer, ...times(10, 50), status: 'completed' as const, exit_code: 0, revision: 2 };
  await storeMetadata(hive.database, session, { attempts: [{ ...attempt, revision: 2 }], executions: [done] });
  expect(await view()).toMatchObject({
    ...{ status: 'completed', exit_code: 0, command: 'make' },
    ended_at: '2026-02-01T10:00:50.000Z',
  });
});
