/** Frames that a version 1 node sends again and again: they rewrite no row, unless they say something new. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ASKS_AT_LOGIN_ONLY, startTestGateway, type TestGateway } from '../../../tests/harness/test-gateway.js';
import { ScriptedV1Node, v1Rows, type V1Attempt } from '../../../tests/harness/scripted-v1-node.js';
import { taskData } from '../../../tests/harness/scripted-v1-store.js';
import type { BatchConnection } from '../../../gateway/interface.js';
import { attemptSyncDataV1 } from '../../../protocol/v1/frames.js';
import { Prisma } from '../../database.js';
import { holdForBackfill } from '../hold-backfill.js';
import { listNeedingBackfill } from '../list-needing-backfill.js';
import { settleBackfill } from '../settle-backfill.js';
import { storeMetadataV1 } from './store-metadata.js';

let hive: TestGateway;
let node: ScriptedV1Node;
let nodeId: string;

beforeAll(async () => {
  hive = await startTestGateway({ watchBounds: ASKS_AT_LOGIN_ONLY });
});
beforeEach(async () => {
  node = new ScriptedV1Node((await hive.newKey()).secret);
  nodeId = (await node.connect(hive.url))['node_id'] as string;
});
afterEach(() => node.drop());
afterAll(() => hive.stop());

type Row = Record<string, unknown>;

/** Every row of these tables, with where it is, which transaction wrote it and which has locked it since. */
async function rows(): Promise<Record<string, Row[]>> {
  const tables = ['attempt', 'attempt_sync', 'execution', 'task'];
  const read = tables.map(
    (table) =>
      hive.database.$queryRaw<Row[]>`
      SELECT ctid::text, xmin::text, xmax::text, row_to_json(t)::text AS row FROM ${Prisma.raw(table)} t ORDER BY 4`,
  );
  const all = await Promise.all(read);
  return Object.fromEntries(tables.map((table, index) => [table, all[index] ?? []]));
}

const syncOf = ({ frame }: V1Attempt) =>
  hive.database.attemptSync.findUniqueOrThrow({ where: { attemptId: frame.attempt_id } });

const aTask = (changes: Row = {}): Row => taskData({ title: 'a task', description: 'what is to be done', ...changes });

let clock = Date.parse('2026-02-01T10:20:00.123Z');

/** One round of the sync service, with the times that the hive's last answer made the node write. */
async function cycle(task: Row): Promise<void> {
  const now = () => new Date((clock += 1000)).toISOString();
  node.send('task_sync', { ...task, updated_at: now() });
  for (const attempt of node.attempts.values()) {
    attempt.frame['updated_at'] = now();
    node.pushAttempt(attempt);
    // what an `executions` request brings again and again while they run
    for (const { frame } of attempt.executions) node.send('execution_sync', frame);
  }
  node.send('digest', { entries: [] });
  await node.settled();
}

describe('the task and the attempts that come every 30 s with another updated_at', () => {
  test('rewrite and lock no row, whatever the attempts’ states', async () => {
    const task = aTask();
    node.send('task_sync', task);
    const { shared_task_id: id } = await node.next('task_sync_response');
    Object.assign(task, { shared_task_id: id, is_update: true });
    const add = () => node.addAttempt({ shared_task_id: id as string });
    const complete = add();
    node.addExecution(complete, v1Rows(3));
    const running = add();
    node.addExecution(running, v1Rows(3), { status: 'running', completed_at: null });
    const ended = add();
    node.addExecution(ended, v1Rows(3));
    const refused = add();
    node.pushCycle();
    await node.settled();
    const connection = hive.gateway.connectionTo(nodeId) as BatchConnection;
    for (const { frame } of [complete, running]) {
      await connection.backfill(frame.attempt_id, 'full_attempt', new AbortController().signal);
    }
    const { attempt_id: attemptId } = refused.frame;
    await holdForBackfill(hive.database, attemptId, 'run', true);
    await settleBackfill(hive.database, { attemptId, runId: 'run', ending: 'unavailable', progressed: false });
    await cycle(task); // the announcement ends `unavailable`
    expect(await syncOf(complete)).toMatchObject({ state: 'complete', needsBackfill: false });
    expect(await syncOf(running)).toMatchObject({ state: 'partial', needsBackfill: false });
    expect(await syncOf(ended)).toMatchObject({ state: 'partial', needsBackfill: true });
    expect(await syncOf(refused)).toMatchObject({ state: 'partial', needsBackfill: true });

    const before = await rows();
    for (let count = 0; count < 3; count++) await cycle(task);
    expect(await rows()).toEqual(before);
    expect(before['attempt']).toHaveLength(4);
    expect(before['task']).toHaveLength(1);
  });

  test('are stored, with their updated_at, as soon as another field has changed', async () => {
    const attempt = node.addAttempt();
    const task = aTask({ shared_task_id: attempt.frame.shared_task_id });
    await cycle(task);
    const stored = async () => {
      const [row] = await hive.database.$queryRaw<{ attempt: string; task: string }[]>`
        SELECT a.metadata::text AS attempt, t.metadata::text AS task FROM attempt a JOIN task t ON t.id = a.shared_task_id
        WHERE a.id = ${attempt.frame.attempt_id}::uuid`;
      return { attempt: JSON.parse(row?.attempt ?? '{}') as Row, task: JSON.parse(row?.task ?? '{}') as Row };
    };
    const first = await stored();
    await cycle(task);
    expect(await stored()).toEqual(first);
    for (const [field, value] of [
      ['container_ref', null],
      ['worktree_deleted', true],
      ['setup_completed_at', '2026-02-01T10:30:00Z'],
      ['branch', 'vk/other'],
      ['assignment_id', randomUUID()],
    ] as const) {
      attempt.frame[field] = value;
      await cycle(task);
      const { attempt: now } = await stored();
      expect(now).toMatchObject({ [field]: value, updated_at: attempt.frame['updated_at'], title: 'a task' });
    }
    for (const [field, value] of [
      ['title', 'renamed'],
      ['description', null],
      ['status', 'done'],
      ['label_ids', [randomUUID()]],
      ['assignee_name', 'someone'],
      ['local_project_id', randomUUID()],
    ] as const) {
      Object.assign(task, { [field]: value });
      await cycle(task);
      const now = await stored();
      expect(now.task).toMatchObject({ [field]: value });
      expect(now.task['updated_at']).not.toBe(first.task['updated_at']);
      expect(now.attempt['title']).toBe(task['title']);
    }
  });

  test('a new title is written only to the attempts that have another', async () => {
    const task = aTask();
    node.send('task_sync', task);
    const { shared_task_id: id } = await node.next('task_sync_response');
    Object.assign(task, { shared_task_id: id });
    for (let count = 0; count < 3; count++) node.addAttempt({ shared_task_id: id as string });
    await cycle(task);
    const xmins = async () =>
      (
        await hive.database.$queryRaw<{ xmin: string }[]>`
        SELECT xmin::text FROM attempt WHERE shared_task_id = ${id as string}::uuid ORDER BY id`
      ).map((row) => row.xmin);
    const before = await xmins();
    await cycle({ ...task, description: 'other words, the same title' });
    expect(await xmins()).toEqual(before);
    const [first] = [...node.attempts.keys()].sort();
    const other = JSON.stringify({ ...node.attempts.get(first ?? '')?.frame, title: 'an older title' });
    await hive.database.$executeRaw`UPDATE attempt SET metadata = ${other}::json WHERE id = ${first}::uuid`;
    const [, ...rest] = await xmins();
    node.attempts.clear(); // so that only the task brings the title
    await cycle({ ...task, description: 'other words again' });
    expect((await xmins()).slice(1)).toEqual(rest);
    const { metadata } = await hive.database.attempt.findUniqueOrThrow({ where: { id: first ?? '' } });
    expect(metadata).toMatchObject({ title: 'a task' });
  });

  test('do not end the wait before the next backfill', async () => {
    const attempt = node.addAttempt();
    const task = aTask({ shared_task_id: attempt.frame.shared_task_id });
    await cycle(task);
    const retryAt = new Date(Date.now() + 3_600_000);
    const where = { attemptId: attempt.frame.attempt_id };
    await hive.database.attemptSync.update({ where, data: { retryAt, idleBackfills: 5 } });
    await cycle(task);
    expect(await syncOf(attempt)).toMatchObject({ retryAt, idleBackfills: 5 });
  });
});

describe('a task that two nodes share', () => {
  test('is not rewritten because their stores differ', async () => {
    const task = aTask({ shared_task_id: randomUUID() });
    await cycle(task);
    const other = new ScriptedV1Node((await hive.newKey()).secret, 'another machine');
    await other.connect(hive.url);
    const written = () =>
      hive.database.$queryRaw`
        SELECT ctid::text, xmin::text FROM task WHERE id = ${task['shared_task_id']}::uuid`;
    const before = await written();
    const asOther = { local_task_id: randomUUID(), local_project_id: randomUUID(), created_at: '2026-03-01T00:00:00Z' };
    for (let count = 0; count < 2; count++) {
      other.send('task_sync', { ...task, ...asOther });
      await other.next('task_sync_response');
      await cycle(task);
    }
    expect(await written()).toEqual(before);
    other.drop();
  });
});

describe('an attempt that the node announces and does not have when it is asked', () => {
  const HALF_MINUTE = 30_000;

  /** A cycle of the node, and what the schedule then does. @returns whether the node was asked */
  async function round(attempt: V1Attempt): Promise<boolean> {
    const { attempt_id: attemptId } = attempt.frame;
    const { session } = hive.gateway.connectionTo(nodeId) ?? {};
    if (!session) throw new Error('the node is gone');
    const frame = attemptSyncDataV1.parse(attempt.frame);
    await storeMetadataV1(hive.database, session, { attempts: [frame], executions: [] }, new Set());
    const due = (await listNeedingBackfill(hive.database, nodeId, undefined, 10)).some(
      (one) => one.attemptId === attemptId,
    );
    if (due) {
      await holdForBackfill(hive.database, attemptId, randomUUID(), false);
      const { runId } = await syncOf(attempt);
      const settlement = { ending: 'unavailable', reason: 'not_shared', progressed: false, revision: '1' } as const;
      await settleBackfill(hive.database, { attemptId, runId, ...settlement });
    }
    await hive.database.$executeRaw`
      UPDATE attempt_sync SET retry_at = retry_at - ${HALF_MINUTE}::float8 * interval '1 ms' WHERE attempt_id = ${attemptId}::uuid`;
    return due;
  }

  test('is asked for at once, then later each time, and at least once an hour', async () => {
    const attempt = node.addAttempt({}, false);
    const asked: number[] = [];
    for (let count = 0; count < 480; count++) if (await round(attempt)) asked.push(count);
    expect(asked.slice(0, 2)).toEqual([0, 1]); // the first announcement after it was unavailable is believed at once
    expect(asked.length).toBeLessThan(14);
    expect(Math.max(...asked.slice(1).map((count, index) => count - (asked[index] ?? 0)))).toBeLessThan(125);
    expect(asked.at(-1)).toBeGreaterThan(360);
  });

  test('is asked for at once after a change', async () => {
    const attempt = node.addAttempt({}, false);
    for (let count = 0; count < 20; count++) await round(attempt);
    attempt.frame['branch'] = 'vk/other';
    expect(await round(attempt)).toBe(true);
  });
});
