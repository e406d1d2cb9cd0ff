import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Backfills } from '../../backfills/for-readers.js';
import { noteLooks } from '../../prisma/queries/v1/looks.js';
import { NO_BACKFILLS, startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { seedAttempt, seedExecution, seedNode, type SeedAttempt } from '../../tests/harness/seed.js';
import { until } from '../../tests/harness/until.js';
import { attemptDetail } from '../schemas/attempt.js';

let hive: TestHive;
let nodeId: string;
const backfills: Backfills = { ...NO_BACKFILLS };

beforeAll(async () => {
  hive = await startTestHive({ backfills });
});
beforeEach(async () => {
  Object.assign(backfills, NO_BACKFILLS);
  nodeId = await seedOriginal();
});
afterAll(() => hive.close());

async function seedOriginal(options: { online?: boolean } = {}): Promise<string> {
  const id = await seedNode(hive.database, hive.own.id, options);
  await hive.database.node.update({ where: { id }, data: { protocolVersion: 1 } });
  return id;
}

async function seed(status: 'running' | 'completed', overrides: Partial<SeedAttempt> = {}): Promise<string> {
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId, ...overrides });
  await seedExecution(hive.database, { attemptId, nodeId: overrides.nodeId ?? nodeId, ordinal: 1, status });
  return attemptId;
}

async function read(attemptId: string, query = '') {
  const startedAt = performance.now();
  const response = await hive.get(`/v1/nodes/task-attempts/${attemptId}${query}`);
  return { detail: attemptDetail.parse(response.body), took: performance.now() - startedAt };
}

const lookOf = (attemptId: string) => hive.database.attemptLook.findUnique({ where: { attemptId } });
const versionOf = async (attemptId: string) => {
  const [row] = await hive.database.$queryRaw<{ xmin: string; locked: string }[]>`
    SELECT xmin::text, xmax::text AS locked FROM attempt_look WHERE attempt_id = ${attemptId}::uuid`;
  return row;
};

test('a read of what runs on an original node has the node asked, once in ten seconds, and does not wait', async () => {
  const attemptId = await seed('running');
  expect((await read(attemptId)).detail.sync.state).toBe('partial');
  expect(await lookOf(attemptId)).toMatchObject({ nodeId, lookedAt: null });
  const before = await versionOf(attemptId);
  await read(attemptId);
  expect(await versionOf(attemptId)).toEqual(before); // neither written nor locked
  await noteLooks(hive.database, nodeId, [attemptId]);
  const looked = await versionOf(attemptId);
  await read(attemptId);
  expect(await versionOf(attemptId)).toEqual(looked);
  await hive.database.$executeRaw`
    UPDATE attempt_look SET looked_at = now() - interval '11 seconds' WHERE attempt_id = ${attemptId}::uuid`;
  await read(attemptId);
  expect(await lookOf(attemptId)).toMatchObject({ lookedAt: null });
});

test('a read of any other attempt has no node asked', async () => {
  const elsewhere = await seedNode(hive.database, hive.own.id);
  const others = [
    await seed('completed'),
    await seed('running', { needsBackfill: true }),
    await seed('running', { state: 'pending_backfill' }),
    await seed('completed', { state: 'complete' }),
    await seed('running', { state: 'unavailable' }),
    await seed('running', { nodeId: await seedOriginal({ online: false }) }),
    await seed('running', { nodeId: elsewhere }),
  ];
  for (const attemptId of others) await read(attemptId);
  expect(await hive.database.attemptLook.count({ where: { attemptId: { in: others } } })).toBe(0);
});

test('a read of another organisation’s attempt has no node asked', async () => {
  const attemptId = await seed('running');
  expect((await hive.get(`/v1/nodes/task-attempts/${attemptId}?wait=5`, hive.foreign.viewer)).status).toBe(404);
  expect(await lookOf(attemptId)).toBeNull();
});

test('a waiting read waits for the node’s answer, and for the backfill that follows from it', async () => {
  const attemptId = await seed('running');
  backfills.requestByRead = async () => {
    await hive.database.attemptSync.update({ where: { attemptId }, data: { state: 'pending_backfill' } });
    void sleep(300).then(() =>
      hive.database.attemptSync.update({ where: { attemptId }, data: { state: 'complete', needsBackfill: false } }),
    );
    return 'started';
  };
  const reading = read(attemptId, '?wait=20');
  await until(async () => (await lookOf(attemptId)) !== null);
  // the answer: it has ended
  await hive.database.execution.updateMany({ where: { attemptId }, data: { status: 'completed' } });
  await hive.database.attemptSync.update({ where: { attemptId }, data: { needsBackfill: true } });
  await noteLooks(hive.database, nodeId, [attemptId]);
  const { detail, took } = await reading;
  expect(detail.sync.state).toBe('complete');
  expect(detail.is_complete).toBe(true);
  expect(took).toBeLessThan(15_000);
});

test('a waiting read of what still runs returns when the node has answered, and after five seconds if it has not', async () => {
  const [answered, silent] = [await seed('running'), await seed('running')];
  const slow = read(silent, '?wait=20');
  const quick = read(answered, '?wait=20');
  const short = read(silent, '?wait=1');
  const returned: string[] = [];
  for (const [name, one] of Object.entries({ slow, quick, short })) void one.then(() => returned.push(name));
  await until(async () => (await lookOf(answered)) !== null);
  await noteLooks(hive.database, nodeId, [answered]);
  await quick;
  expect((await short).detail.sync.state).toBe('partial');
  expect(returned).not.toContain('slow');
  expect((await slow).took).toBeGreaterThan(4900);
  expect((await slow).took).toBeLessThan(15_000);
});

test('looks that are long over are removed', async () => {
  const [old, other] = [await seed('running'), await seed('running')];
  await read(old);
  await noteLooks(hive.database, nodeId, [old]);
  await hive.database
    .$executeRaw`UPDATE attempt_look SET looked_at = now() - interval '2 hours' WHERE attempt_id = ${old}::uuid`;
  await read(other);
  await noteLooks(hive.database, nodeId, [other]);
  expect(await lookOf(old)).toBeNull();
  expect(await lookOf(other)).not.toBeNull();
});
