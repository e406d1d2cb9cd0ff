/** Deliveries with the real database and real receivers; only the pauses are shorter: an hour is six seconds. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { pino } from 'pino';
import { PAUSES, TRIED_FOR_MS } from '../activities/webhooks/deliver-next.js';
import { createWebhookActivities } from '../activities/webhooks/webhook-activities.js';
import { startDeliveries } from '../backfills/start-deliveries.js';
import { TemporalDoor } from '../backfills/temporal-door.js';
import { openDatabase } from '../prisma/client.js';
import type { Database } from '../prisma/database.js';
import { forOrganization } from '../prisma/organization-scope.js';
import { ensureOrganization } from '../prisma/queries/organization.js';
import { recordEvents } from '../prisma/queries/webhooks/record-events.js';
import { createWebhook, deleteWebhook } from '../prisma/queries/webhooks/webhook.js';
import { createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { BlackHole, Receiver, verified } from '../tests/harness/receiver.js';
import { seedAttempt, seedNode } from '../tests/harness/seed.js';
import { until } from '../tests/harness/until.js';
import { WorkflowWorld } from '../tests/harness/workflow-world.js';

const FASTER = 600;
const HOUR_MS = 3_600_000 / FASTER;

let created: TestDatabase;
let database: Database;
let world: WorkflowWorld;
let temporal: TemporalDoor;
let isOver = false;
let handing: Promise<void>;
beforeAll(async () => {
  created = await createTestDatabase();
  database = openDatabase(created.url, 10);
  world = await WorkflowWorld.create();
  temporal = new TemporalDoor();
  temporal.open(world.client);
  const webhooks = {
    allowsPrivate: true,
    timeoutMs: 5000, // longer than a busy machine takes to let the receiver answer
    pauses: { firstMs: PAUSES.firstMs / FASTER, maxMs: PAUSES.maxMs / FASTER },
    triedForMs: TRIED_FOR_MS / FASTER,
  };
  const activities = createWebhookActivities({ database, logger: pino({ level: 'silent' }), webhooks });
  await world.work(world.queue, { somethingElse: () => Promise.resolve('done') });
  await world.work(world.client.names.webhookQueue, activities);
  handing = handOver();
});
afterAll(async () => {
  isOver = true;
  await handing;
  await world.stop();
  await database.$disconnect();
  await created.drop();
});

/** As each hive does. */
async function handOver(): Promise<void> {
  while (!isOver) {
    await startDeliveries({ database, temporal }, 'activity'); // what fails is handed over in the next round
    await sleep(100);
  }
}

let organizationId: string;
let nodeId: string;
let receiver: Receiver;
beforeEach(async () => {
  organizationId = (await ensureOrganization(database, randomUUID())).id;
  nodeId = await seedNode(database, organizationId);
  receiver = await Receiver.start();
});
afterEach(async () => {
  receiver.close();
  await database.$executeRaw`DELETE FROM webhook`;
});

async function hook(url: string, organization = organizationId) {
  const settings = { description: '', events: ['attempt.ended', 'attempt.complete'], offlineMinutes: 10 };
  const made = await createWebhook(forOrganization(database, organization), {
    ...settings,
    url,
    createdBy: randomUUID(),
  });
  if (!made) throw new Error('not made');
  return { id: made.webhook.id, secret: made.secret };
}

const newAttempts = (count: number, organization = organizationId, node = nodeId) =>
  Promise.all(
    Array.from({ length: count }, () => seedAttempt(database, { organizationId: organization, nodeId: node })),
  );

let position = 0n;
/** The attempt ends, again and again. */
async function ends(attemptId: string, organization = organizationId): Promise<void> {
  position++;
  const states = { status: 'completed', syncState: 'partial' } as const;
  const [before, after] = [Number(position) - 1, Number(position)].map((count) => ({
    ...states,
    endedExecutions: count,
  }));
  const change = {
    attemptId,
    organizationId: organization,
    nodeId,
    position,
    before: before ?? null,
    after: after ?? null,
  };
  await database.$transaction((tx) => recordEvents(tx, [change]));
}

const positionsOf = (attemptId: string, requests = receiver.taken) =>
  requests
    .map(({ body }) => (JSON.parse(body) as { data: { attempt_id: string; position: number } }).data)
    .filter((data) => data.attempt_id === attemptId)
    .map((data) => data.position);

const waiting = (webhookId: string) => database.webhookEvent.count({ where: { webhookId, state: 'waiting' } });

/** For tests/replay.test.ts: HIVESYNC_RECORD_HISTORIES=1 writes the history of a delivery. */
async function record(name: string, webhookId: string, subjectId: string): Promise<void> {
  if (process.env['HIVESYNC_RECORD_HISTORIES'] !== '1') return;
  const handle = world.client.workflow.getHandle(world.client.names.webhookId(webhookId, subjectId));
  await handle.result();
  const file = join(import.meta.dirname, '..', 'tests', 'histories', `${name}.json`);
  await writeFile(file, historyToJSON(await handle.fetchHistory()));
}

test('a receiver that fails for an hour gets each event at least once, in order an attempt', async () => {
  const { id, secret } = await hook(receiver.url);
  const attempts = await newAttempts(20);
  const worksAt = performance.now() + HOUR_MS;
  const fails = () => performance.now() < worksAt || receiver.received.length <= 5;
  receiver.reply = () => ({ status: fails() ? 500 : 204 });
  const told = new Map<string, number[]>();
  for (let round = 0; round < 5; round++) {
    for (const attempt of attempts) {
      await ends(attempt);
      told.set(attempt, [...(told.get(attempt) ?? []), Number(position)]);
    }
  }
  await until(async () => (await waiting(id)) === 0, 60_000, 'everything was taken');
  for (const [attempt, positions] of told) expect([...new Set(positionsOf(attempt))]).toEqual(positions);
  for (const request of receiver.taken) verified(secret, request);
  // it was tried again and again, and by one request at a time
  expect(receiver.received.length - receiver.taken.length).toBeLessThan(40);
  const row = await database.webhook.findUniqueOrThrow({ where: { id } });
  expect(row).toMatchObject({ failingSince: null, lastError: null, failures: 0, probeAt: null });
  const events = await database.webhookEvent.findMany({ where: { webhookId: id } });
  expect(events.filter(({ state }) => state === 'delivered')).toHaveLength(100);
  await record('deliver-webhook-after-failures', id, attempts[0] ?? '');
});

test('one that never answers costs nobody else anything, and is asked ever more rarely', async () => {
  const hole = await BlackHole.start();
  const silent = await hook(hole.url);
  const other = await ensureOrganization(database, randomUUID());
  const working = await hook(receiver.url, other.id);
  const otherNode = await seedNode(database, other.id);
  const [first = ''] = await newAttempts(1, other.id, otherNode);
  const timeOne = async () => {
    const began = performance.now();
    const { length } = receiver.taken;
    await ends(first, other.id);
    await until(() => receiver.taken.length > length, 60_000, 'the other receiver is told');
    return performance.now() - began;
  };
  const alone = [];
  for (let index = 0; index < 10; index++) alone.push(await timeOne());
  for (const attempt of await newAttempts(300)) await ends(attempt);
  await until(() => hole.connections > 0, 60_000, 'it is tried');
  const beside = [];
  for (let index = 0; index < 20; index++) beside.push(await timeOne());
  const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  expect(median(beside)).toBeLessThan(2 * median(alone) + 500);
  expect(await waiting(silent.id)).toBe(300);
  await until(async () => (await waiting(working.id)) === 0, 60_000, 'what the other took is settled');
  // hundreds of events, a few workflows and requests
  expect(hole.connections).toBeLessThan(40);
  expect(hole.open).toBeLessThanOrEqual(4);
  const handed = await database.webhookEvent.count({ where: { webhookId: silent.id, handedAt: { not: null } } });
  expect(handed).toBeLessThanOrEqual(50);
  const lastError = async () => (await database.webhook.findUniqueOrThrow({ where: { id: silent.id } })).lastError;
  await until(async () => (await lastError()) === 'timeout', 60_000, 'the first try is given up');
  hole.close();
});

test('a receiver that refuses one event gets the events of other attempts at once', async () => {
  const { id } = await hook(receiver.url);
  const [refused = '', taken = ''] = await newAttempts(2);
  receiver.reply = ({ body }) => ({ status: body.includes(refused) ? 422 : 204, body: 'no such\nthing' });
  for (let index = 0; index < 3; index++) for (const attempt of [refused, taken]) await ends(attempt);
  await until(() => new Set(positionsOf(taken)).size === 3, 60_000, 'the others were taken');
  expect(positionsOf(refused)).toEqual([]);
  const eventsOfRefused = () =>
    database.webhookEvent.findMany({ where: { webhookId: id, subjectId: refused }, orderBy: { position: 'asc' } });
  await until(async () => (await eventsOfRefused())[0]?.lastStatus === 422, 60_000, 'the first was refused');
  const [first, ...rest] = await eventsOfRefused();
  expect(first).toMatchObject({
    state: 'waiting',
    lastStatus: 422,
    lastError: 'http_422',
    lastAnswer: 'no such thing',
  });
  expect(rest.map(({ tries }) => tries)).toEqual([0, 0]); // not before the first
  expect((await database.webhook.findUniqueOrThrow({ where: { id } })).failingSince).toBeNull();
});

test('what was not taken for a day is given up, and the next event gets its turn', async () => {
  const { id } = await hook(receiver.url);
  const [attempt = ''] = await newAttempts(1);
  await ends(attempt);
  const old = position;
  receiver.reply = ({ body }) => ({ status: body.includes(`"position":${old},`) ? 400 : 204 });
  await until(() => receiver.received.length > 2, 60_000, 'it is tried');
  await ends(attempt);
  await database.$executeRaw`
    UPDATE webhook_event SET created_at = now() - interval '1 day' WHERE webhook_id = ${id}::uuid AND position = ${old}`;
  await until(async () => (await waiting(id)) === 0, 60_000, 'none waits');
  const events = await database.webhookEvent.findMany({ where: { webhookId: id }, orderBy: { position: 'asc' } });
  expect(events.map(({ state, lastError }) => [state, lastError])).toEqual([
    ['given_up', 'http_400'],
    ['delivered', null],
  ]);
});

test('what waits for a deleted webhook or attempt ends, and nothing else does', async () => {
  const hole = await BlackHole.start();
  const deleted = await hook(hole.url);
  const kept = await hook(receiver.url);
  const [attempt = '', gone = ''] = await newAttempts(2);
  receiver.reply = () => ({ status: 503 });
  for (const one of [attempt, gone]) await ends(one);
  await until(() => receiver.received.length > 0 && hole.connections > 0, 60_000, 'both are tried');
  const runs = () => world.client.workflow.getHandle(world.client.names.webhookId(deleted.id, attempt)).describe();
  expect((await runs()).status.name).toBe('RUNNING');
  expect(await deleteWebhook(forOrganization(database, organizationId), deleted.id)).toBe(true);
  await until(async () => (await runs()).status.name === 'COMPLETED', 60_000, 'its workflow ends');
  await database.attempt.delete({ where: { id: gone } });
  // a request that was on its way would be taken
  const state = async () =>
    (await database.webhookEvent.findFirst({ where: { subjectId: gone, webhookId: kept.id } }))?.state;
  await until(async () => (await state()) === 'given_up', 60_000, 'what waits for the deleted attempt is given up');
  receiver.reply = () => ({ status: 204 });
  await until(async () => (await waiting(kept.id)) === 0, 60_000, 'none waits');
  expect(positionsOf(gone)).toEqual([]);
  expect(
    await database.webhookEvent.findFirstOrThrow({ where: { subjectId: gone, webhookId: kept.id } }),
  ).toMatchObject({
    state: 'given_up',
  });
  hole.close();
});

test('only ids, codes and times are in a history', async () => {
  const { id, secret } = await hook(`${receiver.url}?token=very-secret`);
  const [attempt = ''] = await newAttempts(1);
  receiver.reply = () => ({ status: 500, body: 'their-text' });
  await ends(attempt);
  await until(() => receiver.received.length > 2, 60_000, 'it is tried');
  const { events = [] } = await world.client.workflow
    .getHandle(world.client.names.webhookId(id, attempt))
    .fetchHistory();
  const history = Buffer.from(JSON.stringify(events)).toString();
  for (const text of [secret, 'very-secret', 'their-text', receiver.url]) {
    expect(history).not.toContain(text);
    expect(history).not.toContain(Buffer.from(text).toString('base64').slice(0, 20));
  }
});
