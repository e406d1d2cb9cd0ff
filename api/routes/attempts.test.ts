import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { NO_BACKFILLS, startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import {
  appendPage,
  makeLines,
  seedAttempt,
  seedExecution,
  seedNode,
  type SeedAttempt,
} from '../../tests/harness/seed.js';
import { until } from '../../tests/harness/until.js';
import { createApiToken } from '../../prisma/queries/api-token.js';
import { holdForBackfill } from '../../prisma/queries/hold-backfill.js';
import { settleBackfill } from '../../prisma/queries/settle-backfill.js';
import type { Backfills } from '../../backfills/for-readers.js';
import { attemptDetail, attemptPage, attemptsOfTask } from '../schemas/attempt.js';

let hive: TestHive;
let nodeId: string;
const backfills: Backfills = { ...NO_BACKFILLS };

beforeAll(async () => {
  hive = await startTestHive({ backfills, limits: { waitingReads: 2 } });
  nodeId = await seedNode(hive.database, hive.own.id);
});
beforeEach(() => void Object.assign(backfills, NO_BACKFILLS));
afterAll(() => hive.close());

const seed = (overrides: Partial<SeedAttempt> = {}) =>
  seedAttempt(hive.database, { organizationId: hive.own.id, nodeId, ...overrides });
const setState = (attemptId: string, state: 'pending_backfill' | 'complete' | 'partial') =>
  hive.database.attemptSync.update({ where: { attemptId }, data: { state, needsBackfill: state !== 'complete' } });

async function read(attemptId: string, query = '') {
  const started = Date.now();
  const response = await hive.get(`/v1/nodes/task-attempts/${attemptId}${query}`);
  return { detail: attemptDetail.parse(response.body), took: Date.now() - started };
}

test('an attempt is returned as its node describes it, with what the hive has stored of it', async () => {
  const action = JSON.parse('{"z":"a\\u0000b\\ud800","a":{"__proto__":{"x":1}},"n":1}') as unknown;
  const attemptId = await seedAttempt(hive.database, {
    organizationId: hive.own.id,
    nodeId,
    metadata: { title: 'null \u0000 and lone \ud800', setup_completed_at: '2026-01-01T10:00:00.000000001Z' },
  });
  const executionId = await seedExecution(hive.database, {
    attemptId,
    nodeId,
    ordinal: 1,
    declaredLines: 5,
    metadata: { executor_action: action, exit_code: 3 },
  });
  await appendPage(hive.database, executionId, makeLines('a', 3));

  const response = await hive.get(`/v1/nodes/task-attempts/${attemptId}`);
  expect(response.status).toBe(200);
  const detail = attemptDetail.parse(response.body);
  expect(detail.attempt).toMatchObject({
    id: attemptId,
    title: 'null \u0000 and lone \ud800',
    created_at: '2026-01-01T10:00:00.123456789Z',
    setup_completed_at: '2026-01-01T10:00:00.000000001Z',
    assignment_id: null,
    sync_state: 'partial',
  });
  expect(response.text).toContain(JSON.stringify(action));
  expect(detail.executions).toMatchObject([{ id: executionId, exit_code: 3, log_lines: 5, stored_lines: 3 }]);
  expect(detail.is_complete).toBe(true);
  expect(detail.node_info).toMatchObject({ id: nodeId, status: 'online' });
  expect(detail.sync).toMatchObject({
    lines_declared: 5,
    lines_stored: 3,
    missing: [{ execution_id: executionId, first_seq: 4, last_seq: 5, reason: 'not_stored_yet' }],
  });
});

test('says where missing lines are, since when their node is away, and what happens next', async () => {
  const away = await seedNode(hive.database, hive.own.id, { name: 'build-7', online: false });
  const disconnectedAt = new Date('2026-01-02T10:00:00Z');
  await hive.database.node.update({ where: { id: away }, data: { disconnectedAt } });
  const attemptId = await seed({ nodeId: away, needsBackfill: true });
  await seedExecution(hive.database, { attemptId, nodeId: away, ordinal: 1, declaredLines: 9000 });
  const { detail } = await read(attemptId);
  expect(detail.node_info).toMatchObject({ status: 'offline', since: disconnectedAt.toISOString() });
  expect(detail.sync).toMatchObject({
    missing: [{ reason: 'not_stored_yet', explanation: 'Lines 1 to 9,000 are still at node build-7.' }],
    next: { code: 'waits_for_node', sentence: 'What is missing comes when node build-7 returns.' },
  });
});

test('a node whose hive has died is away since its lease ended, and a connected one is there since its login', async () => {
  const node = await seedNode(hive.database, hive.own.id);
  const connectedAt = new Date('2026-01-02T09:00:00Z');
  await hive.database.node.update({ where: { id: node }, data: { connectedAt, lastHeartbeatAt: new Date() } });
  const attemptId = await seed({ nodeId: node });
  expect((await read(attemptId)).detail.node_info).toMatchObject({
    status: 'online',
    since: connectedAt.toISOString(),
  });
  const expiresAt = new Date('2026-01-02T10:00:30Z');
  await hive.database.nodeLease.update({ where: { nodeId: node }, data: { expiresAt } });
  expect((await read(attemptId)).detail.node_info).toMatchObject({ status: 'offline', since: expiresAt.toISOString() });
});

test('a read of an attempt with a gap requests a backfill, a read of any other does not', async () => {
  const asked: string[] = [];
  backfills.requestByRead = (_scope, attemptId) => {
    asked.push(attemptId);
    return Promise.resolve('started');
  };
  const withGap = await seed({ needsBackfill: true });
  const offline = await seedNode(hive.database, hive.own.id, { online: false });
  const others = [
    await seed(),
    await seed({ state: 'complete' }),
    await seed({ state: 'unavailable' }),
    await seed({ nodeId: offline, needsBackfill: true }),
  ];
  for (const attemptId of [...others, withGap]) await read(attemptId);
  await hive.get(`/v1/sync/swarm/attempts/${withGap}`);
  expect(asked).toEqual([withGap]);
});

test('a waiting read returns when the backfill has ended', async () => {
  const attemptId = await seed({ needsBackfill: true });
  backfills.requestByRead = async () => {
    await setState(attemptId, 'pending_backfill');
    setTimeout(() => void setState(attemptId, 'complete').catch(() => undefined), 300);
    return 'started';
  };
  const { detail, took } = await read(attemptId, '?wait=30');
  expect(detail.sync.state).toBe('complete');
  expect(took).toBeGreaterThanOrEqual(290);
  expect(took).toBeLessThan(29_000);
});

test('a waiting read returns when its time is up, and at once if nothing is under way', async () => {
  const attemptId = await seed({ state: 'pending_backfill' });
  const expedited: string[] = [];
  backfills.expedite = (_scope, id) => expedited.push(id);
  const { detail, took } = await read(attemptId, '?wait=1');
  expect(detail.sync).toMatchObject({ state: 'pending_backfill' });
  expect(took).toBeGreaterThanOrEqual(990);
  expect(expedited).toEqual([attemptId]);
  expect((await read(await seed(), '?wait=30')).took).toBeLessThan(29_000);
  backfills.requestByRead = () => Promise.resolve('failed');
  expect((await read(await seed({ needsBackfill: true }), '?wait=30')).took).toBeLessThan(29_000);
});

test('a waiting read returns when the backfill that it started or joined has ended without completing the attempt', async () => {
  for (const outcome of ['started', 'joined'] as const) {
    const attemptId = await seed({ needsBackfill: true });
    const hold = () => holdForBackfill(hive.database, attemptId, 'a run', false);
    const settle = async () => {
      await hold();
      await settleBackfill(hive.database, { attemptId, runId: 'a run', ending: 'node_offline', progressed: true });
    };
    backfills.requestByRead = async () => {
      if (outcome === 'started') await hold();
      setTimeout(() => void settle().catch(() => undefined), 1000); // the joined one holds it for a moment only
      return outcome;
    };
    const { detail, took } = await read(attemptId, '?wait=30');
    expect(detail.sync.state).toBe('partial');
    expect(took).toBeGreaterThanOrEqual(990);
    expect(took).toBeLessThan(29_000);
  }
});

test('waiting reads beyond the limit return at once', async () => {
  const attemptId = await seed({ state: 'pending_backfill' });
  let begun = 0;
  backfills.expedite = () => begun++;
  let ended = 0;
  const waiting = [1, 2].map(() => read(attemptId, '?wait=30').finally(() => ended++));
  await until(() => begun === 2); // each waits from here on
  for (let beyond = 0; beyond < 2; beyond++) await read(attemptId, '?wait=30');
  expect(ended).toBe(0);
  await setState(attemptId, 'complete');
  await Promise.all(waiting);
});

test('only an admin gets the workflow’s address', async () => {
  const attemptId = await seed({ state: 'complete' });
  expect((await read(attemptId)).detail.sync.workflow_id).toBeNull();
  await hive.database.attemptSync.update({ where: { attemptId }, data: { requestedAt: new Date() } });
  const workflowId = `backfill/${attemptId}`;
  expect((await read(attemptId)).detail.sync).toMatchObject({ workflow_id: workflowId, workflow_url: null });
  const asAdmin = await hive.get(`/v1/nodes/task-attempts/${attemptId}`, hive.own.admin);
  expect(attemptDetail.parse(asAdmin.body).sync.workflow_url).toBe(`http://temporal.test/${workflowId}`);
});

test('a complete attempt is not sent again to a client that has it', async () => {
  const attemptId = await seed({ state: 'complete' });
  const path = `/v1/nodes/task-attempts/${attemptId}`;
  const etag = (await hive.get(path)).headers['etag'] ?? '';
  expect(etag).toMatch(/^W\//);
  const again = await hive.get(path).set('if-none-match', etag);
  expect([again.status, again.text]).toEqual([304, '']);
  await setState(attemptId, 'partial');
  const changed = await hive.get(path).set('if-none-match', etag);
  expect(changed.status).toBe(200);
  expect(changed.headers['etag']).toMatch(/^W/);
  expect(changed.headers['etag']).not.toBe(etag);
});

test('an attempt with very many executions is returned whole and in order', async () => {
  const attemptId = await seed({ metadata: { execution_count: 230 } });
  for (let ordinal = 1; ordinal <= 230; ordinal++) {
    await seedExecution(hive.database, { attemptId, nodeId, ordinal, metadata: { pid: ordinal } });
  }
  const { detail } = await read(attemptId);
  expect(detail.executions.map(({ pid }) => pid)).toEqual(Array.from({ length: 230 }, (_, index) => index + 1));
});

test('missing lines say why they are missing, and executions gone from the node are left out', async () => {
  const attemptId = await seed({ metadata: { execution_count: 4 } });
  const changes = [
    { setAsideReason: 'page_refused' },
    { hasGap: true },
    { storedEpoch: 0, logEpoch: 1, storedLines: 9 },
    { goneFromNode: true },
  ];
  for (const [index, data] of changes.entries()) {
    const id = await seedExecution(hive.database, { attemptId, nodeId, ordinal: index + 1, declaredLines: 4 });
    await hive.database.execution.update({ where: { id }, data });
  }
  const { sync, executions } = (await read(attemptId)).detail;
  expect(sync.missing.map(({ reason, first_seq: first }) => [reason, first])).toEqual([
    ['page_refused', 1],
    ['gap', 1],
    ['replaced', 1],
  ]);
  expect(sync).toMatchObject({ lines_declared: 12, lines_stored: 0 });
  expect(executions.map((execution) => execution.gone_from_node)).toEqual([false, false, false, true]);
});

test('attempts are listed newest first, by page and filter, even if times are equal to the microsecond', async () => {
  const listed = await seedNode(hive.database, hive.own.id);
  const expected: string[] = [];
  for (let index = 0; index < 7; index++) {
    const created_at = `2026-03-01T10:00:00.00000${Math.floor(index / 3)}Z`;
    const executor = index % 2 ? 'SHELL' : 'OTHER';
    expected.push(await seed({ nodeId: listed, metadata: { created_at, executor } }));
  }
  const seen: { id: string; created_at: string }[] = [];
  for (let cursor = '', more = true; more;) {
    const response = await hive.get(`/v1/swarm/attempts?node_id=${listed}&limit=2${cursor}`);
    const page = attemptPage.parse(response.body);
    seen.push(...page.attempts);
    more = page.has_more;
    cursor = `&cursor=${page.next_cursor ?? ''}`;
  }
  expect(seen.map(({ id }) => id).sort()).toEqual([...expected].sort());
  expect(seen.map(({ created_at: time }) => time)).toEqual(
    seen
      .map(({ created_at: time }) => time)
      .sort()
      .reverse(),
  );
  const others = await hive.get(`/v1/swarm/attempts?node_id=${listed}&executor=OTHER&sync_state=partial`);
  expect(attemptPage.parse(others.body)).toMatchObject({ has_more: false, next_cursor: null });
  expect(attemptPage.parse(others.body).attempts).toHaveLength(4);
});

test('a shared task’s attempts are listed newest first', async () => {
  const shared_task_id = randomUUID();
  const older = await seed({ metadata: { shared_task_id, created_at: '2026-01-01T00:00:00Z' } });
  const newer = await seed({ metadata: { shared_task_id, created_at: '2026-01-02T00:00:00Z' } });
  for (const path of ['/v1/nodes/task-attempts/by-shared-task/', '/v1/sync/swarm/tasks/']) {
    const suffix = path.endsWith('tasks/') ? '/attempts' : '';
    const { attempts } = attemptsOfTask.parse((await hive.get(`${path}${shared_task_id}${suffix}`)).body);
    expect(attempts.map(({ id }) => id)).toEqual([newer, older]);
  }
  const unknown = await hive.get(`/v1/nodes/task-attempts/by-shared-task/${randomUUID()}`);
  expect(unknown.body).toMatchObject({ status: 404, error: 'shared task not found' });
});

test('a read whose token is revoked while it waits is refused', async () => {
  const attemptId = await seed({ state: 'pending_backfill' });
  const owner = { organizationId: hive.own.id, name: 'waits', role: 'viewer' } as const;
  const { secret, token } = await createApiToken(hive.database, owner);
  const isPending = new Promise<void>((resolve) => (backfills.expedite = () => resolve()));
  const reading = hive.get(`/v1/nodes/task-attempts/${attemptId}?wait=30`, secret).then(({ body }) => body as unknown);
  await isPending;
  await hive.database.apiToken.update({ where: { id: token.id }, data: { revokedAt: new Date() } });
  await setState(attemptId, 'partial');
  expect(await reading).toMatchObject({ status: 401, code: 'unauthenticated' });
});

test('a node learns how much the hive has of many attempts at once, of its own organisation only', async () => {
  const attemptId = await seed({ state: 'complete', metadata: { revision: 7 } });
  for (const ordinal of [1, 2]) {
    const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal, declaredLines: 3 });
    await appendPage(hive.database, executionId, makeLines('a', 3));
    if (ordinal === 2)
      await hive.database.execution.update({ where: { id: executionId }, data: { goneFromNode: true } });
  }
  const foreignNode = await seedNode(hive.database, hive.foreign.id);
  const foreign = await seed({ organizationId: hive.foreign.id, nodeId: foreignNode });
  const path = '/v1/nodes/task-attempts/stored';
  const response = await hive.get(`${path}?ids=${[attemptId, foreign, randomUUID()].join(',')}`);
  expect(response.status).toBe(200);
  expect(response.body).toEqual({
    attempts: [
      { attempt_id: attemptId, node_id: nodeId, revision: 7, sync_state: 'complete', executions: 1, lines_stored: 3 },
    ],
  });
  const tooMany = Array.from({ length: 101 }, () => randomUUID()).join(',');
  for (const ids of ['', 'x', `${attemptId},`, tooMany]) {
    const refused = await hive.get(`${path}?ids=${ids}`);
    expect([refused.status, (refused.body as { errors: { field: string }[] }).errors[0]?.field]).toEqual([
      400,
      expect.stringContaining('ids'),
    ]);
  }
});
