/** Which nodes are drained, and which get backfills without a drain, when many need them at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { openDatabase } from '../prisma/client.js';
import { ensureOrganization } from '../prisma/queries/organization.js';
import { createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { seedAttempt, seedNode } from '../tests/harness/seed.js';
import { until } from '../tests/harness/until.js';
import { DrainQueue } from './drain-queue.js';
import type { ConnectedNode } from './for-nodes.js';
import type { Database } from '../prisma/database.js';

let testDatabase: TestDatabase;
let database: Database;
let organizationId: string;

/** Nodes, in the order in which their drains were requested. */
const drained: string[] = [];
/** The attempts of each node whose backfills were started. */
const started = new Map<string, string[]>();
/** Attempts that already have a running backfill. */
const running = new Set<string>();
/** The largest number of nodes that were being served at the same time. */
let most = 0;

/** Stands for Temporal: what is requested is complete a little later. */
const backfills = {
  concurrency: 10,
  drain: ({ nodeId }: ConnectedNode) => {
    drained.push(nodeId);
    setTimeout(() => void complete({ nodeId }), 50);
    return Promise.resolve();
  },
  start: ({ nodeId }: ConnectedNode, { attemptId }: { attemptId: string }) => {
    if (running.has(attemptId)) return Promise.resolve(false);
    running.add(attemptId);
    started.set(nodeId, [...(started.get(nodeId) ?? []), attemptId]);
    setTimeout(() => void complete({ attemptId }), 50);
    return Promise.resolve(true);
  },
};

/** No drain is given up, however slow the machine is. */
const PATIENT = { openForMs: 3_600_000 };

async function complete(where: { nodeId: string } | { attemptId: string }): Promise<void> {
  const served = new Set([...drained, ...started.keys()]);
  const waiting = await database.attemptSync.findMany({ where: { state: 'partial' }, select: { nodeId: true } });
  most = Math.max(most, new Set(waiting.map(({ nodeId }) => nodeId).filter((nodeId) => served.has(nodeId))).size);
  await database.attemptSync.updateMany({ where, data: { state: 'complete', needsBackfill: false } });
  if ('attemptId' in where) running.delete(where.attemptId);
}

async function nodeWith(attempts: number): Promise<ConnectedNode & { attempts: string[] }> {
  const nodeId = await seedNode(database, organizationId);
  const seed = { organizationId, nodeId, needsBackfill: true };
  const ids = await Promise.all(Array.from({ length: attempts }, () => seedAttempt(database, seed)));
  return { nodeId, organizationId, sessionId: 'session', attempts: ids };
}

const isServed = async () => (await database.attemptSync.count({ where: { needsBackfill: true } })) === 0;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  organizationId = (await ensureOrganization(database, 'default')).id;
});

beforeEach(async () => {
  await database.node.deleteMany();
  drained.length = most = 0;
  started.clear();
  running.clear();
});

afterAll(async () => {
  await database.$disconnect();
  await testDatabase.drop();
});

test('a node that comes alone is drained, however few attempts it has', async () => {
  const requests = new DrainQueue(database, pino({ level: 'silent' }), backfills, PATIENT);
  const node = await nodeWith(1);
  requests.request(node, 'announced');
  await until(isServed, 60_000, 'it is complete');
  expect(drained).toEqual([node.nodeId]);
  expect(started.size).toBe(0);
  requests.stop();
});

test('of many nodes at once, those with few attempts get a backfill for each attempt and no drain', async () => {
  const requests = new DrainQueue(database, pino({ level: 'silent' }), backfills, PATIENT);
  const many = await nodeWith(5);
  const half = await nodeWith(2);
  running.add(half.attempts[0] ?? '');
  const few = await Promise.all(Array.from({ length: 40 }, (_, index) => nodeWith(1 + (index % 4))));
  const nothing = await nodeWith(0);
  for (const node of [many, half, nothing, ...few]) requests.request(node, 'announced');
  await until(isServed, 60_000, 'all are complete');
  expect(drained).toEqual(expect.arrayContaining([many.nodeId, half.nodeId]));
  expect(drained.slice(2).length).toBeLessThanOrEqual(8); // the last ones, since nobody waits for them
  expect(started.get(half.nodeId)).toEqual([half.attempts[1]]);
  const spared = few.filter(({ nodeId }) => !drained.includes(nodeId));
  for (const { nodeId, attempts } of spared) expect(new Set(started.get(nodeId))).toEqual(new Set(attempts));
  expect([...started.keys()].toSorted()).toEqual([half.nodeId, ...spared.map(({ nodeId }) => nodeId)].toSorted());
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(12);
  requests.stop();
});

test('a node gets no more backfills than a drain may run at once, and none besides its drain', async () => {
  const requests = new DrainQueue(database, pino({ level: 'silent' }), { ...backfills, concurrency: 2 }, PATIENT);
  const draining = await nodeWith(1);
  requests.request(draining, 'announced');
  await until(isServed, 60_000, 'it is drained'); // which this hive has not noticed yet
  await seedAttempt(database, { ...draining, needsBackfill: true });
  const three = await nodeWith(3);
  const others = await Promise.all(Array.from({ length: 20 }, () => nodeWith(2)));
  for (const node of [draining, three, ...others]) requests.request(node, 'announced');
  await until(isServed, 60_000, 'all are complete');
  expect(drained.filter((nodeId) => nodeId === draining.nodeId)).toHaveLength(2);
  expect(drained).toContain(three.nodeId);
  expect([...started.keys()]).not.toContain(draining.nodeId);
  expect([...started.keys()]).not.toContain(three.nodeId);
  expect(started.size).toBeGreaterThanOrEqual(10);
  requests.stop();
});

test('a start that fails is tried again, and backfills that were started before are not started twice', async () => {
  const nodes = await Promise.all(Array.from({ length: 20 }, () => nodeWith(2)));
  let before: string | undefined; // what a node had started when its second start failed
  let failed: string | undefined;
  const requests = new DrainQueue(
    database,
    pino({ level: 'silent' }),
    {
      ...backfills,
      start: (node, attempt) => {
        const [first] = started.get(node.nodeId) ?? [];
        if (failed !== undefined || first === undefined) return backfills.start(node, attempt);
        [before, failed] = [first, attempt.attemptId];
        return Promise.reject(new Error('Temporal is busy'));
      },
    },
    { ...PATIENT, retryMs: 200 },
  );
  for (const node of nodes) requests.request(node, 'announced');
  await until(isServed, 60_000, 'all are complete');
  expect(failed).toBeDefined();
  await sleep(100);
  const starts = [...started.values()].flat();
  expect(starts.filter((attemptId) => attemptId === before)).toHaveLength(1);
  expect(new Set(starts).size).toBe(starts.length);
  requests.stop();
});
