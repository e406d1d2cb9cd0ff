import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import request from 'supertest';
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
  hive = await startTestHive({ backfills, limits: { lookMs: 60_000 } }); // so that only an answer ends a wait for it
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

async function read(attemptId: string, query = '', { app }: Pick<TestHive, 'app'> = hive) {
  const startedAt = performance.now();
  const response = await request(app)
    .get(`/v1/nodes/task-attempts/${attemptId}${query}`)
    .set('authorization', `Bearer ${hive.own.viewer}`);
  return { detail: attemptDetail.parse(response.body), took: performance.now() - startedAt };
}

const lookOf = (attemptId: string) => hive.database.attemptLook.findUnique({ where: { attemptId } });
const lookedAgo = (attemptId: string, seconds: number) => hive.database.$executeRaw`
  UPDATE attempt_look SET looked_at = now() - make_interval(secs => ${seconds}) WHERE attempt_id = ${attemptId}::uuid`;
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
  await lookedAgo(attemptId, -60); // so that the ten seconds are not over before the read
  const looked = await versionOf(attemptId);
  await read(attemptId);
  expect(await versionOf(attemptId)).toEqual(looked);
  await lookedAgo(attemptId, 11);
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
  const reading = read(attemptId, '?wait=30');
  await until(async () => (await lookOf(attemptId)) !== null);
  // the answer: it has ended
  await hive.database.execution.updateMany({ where: { attemptId }, data: { status: 'completed' } });
  await hive.database.attemptSync.update({ where: { attemptId }, data: { needsBackfill: true } });
  await noteLooks(hive.database, nodeId, [attemptId]);
  const { detail, took } = await reading;
  expect(detail.sync.state).toBe('complete');
  expect(detail.is_complete).toBe(true);
  expect(took).toBeLessThan(29_000);
});

test('a waiting read of what still runs returns when the node has answered, and after five seconds if it has not', async () => {
  const [answered, silent] = [await seed('running'), await seed('running')];
  const usual = await startTestHive({ database: hive.database, backfills });
  const slow = read(silent, '?wait=30', usual);
  const quick = read(answered, '?wait=30');
  const short = read(silent, '?wait=1');
  await until(async () => (await lookOf(answered)) !== null);
  await noteLooks(hive.database, nodeId, [answered]);
  for (const one of [quick, short, slow]) {
    const { detail, took } = await one;
    expect(detail.sync.state).toBe('partial');
    expect(took).toBeGreaterThan(one === slow ? 4900 : one === short ? 990 : 0);
    expect(took).toBeLessThan(29_000);
  }
  await usual.close();
});

test('looks that are long over are removed', async () => {
  const [old, other] = [await seed('running'), await seed('running')];
  await read(old);
  await noteLooks(hive.database, nodeId, [old]);
  await lookedAgo(old, 7200);
  await read(other);
  await noteLooks(hive.database, nodeId, [other]);
  expect(await lookOf(old)).toBeNull();
  expect(await lookOf(other)).not.toBeNull();
});
