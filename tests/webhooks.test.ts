/** Webhooks of hive processes: what real nodes do is told, through a hive's death, and nobody waits for a silent receiver. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { forOrganization } from '../prisma/organization-scope.js';
import { ensureOrganization } from '../prisma/queries/organization.js';
import { createWebhook } from '../prisma/queries/webhooks/webhook.js';
import { BlackHole, Receiver, verified } from './harness/receiver.js';
import { seedAttempt, seedNode } from './harness/seed.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

const ENV = { HIVE_WEBHOOK_ALLOW_PRIVATE: 'true', HIVE_RECONCILE_INTERVAL_SECONDS: '2' };
const ATTEMPTS = 8;
const SILENT_EVENTS = 300;

let world: World;
let hive: HiveHandle;
let receiver: Receiver;
let hole: BlackHole;
let secret: string;
beforeAll(async () => {
  world = await World.create();
  hive = await world.startHive({ env: ENV });
  receiver = await Receiver.start();
  hole = await BlackHole.start();
  ({ secret } = await post<{ secret: string }>('/v1/webhooks', { url: receiver.url }));
});
afterAll(async () => {
  await world.stop();
  receiver.close();
  hole.close();
});

async function post<T>(path: string, body: object = {}): Promise<T> {
  const headers = { authorization: `Bearer ${await world.adminToken()}`, 'content-type': 'application/json' };
  const response = await fetch(hive.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** What the receiver was told of the attempt, in order, each event once. */
function told(attemptId: string): string[] {
  const events = receiver.taken.map((one) => ({ id: one.headers['webhook-id'], ...verified(secret, one) }));
  const own = events.filter(({ data }) => data['attempt_id'] === attemptId);
  return [...new Map(own.map(({ id, type }) => [id, type])).values()];
}

/** A node that was offline brings its attempts. @returns them, and how long their backfills took, in ms */
async function bring(): Promise<{ attempts: string[]; tookMs: number }> {
  const agent = world.newAgent();
  const attempts: string[] = [];
  for (let index = 0; index < ATTEMPTS; index++) attempts.push((await agent.record(['seq', '1', '2000'])).attemptId);
  const began = performance.now();
  agent.connect(hive.url, await world.newKey());
  const complete = () =>
    world.database.attemptSync.count({ where: { attemptId: { in: attempts }, state: 'complete' } });
  await until(async () => (await complete()) === ATTEMPTS, 60_000, 'all are complete');
  const tookMs = performance.now() - began;
  await agent.stop();
  return { attempts, tookMs };
}

const isTold = (attempts: string[]) => () => attempts.every((attempt) => new Set(told(attempt)).size === 2);

/** @returns how long it took, in ms */
async function untilTold(attempts: string[]): Promise<number> {
  const began = performance.now();
  await until(isTold(attempts), 60_000, 'everything was told');
  return performance.now() - began;
}

test('a receiver is told what nodes bring, and one that never answers delays neither that nor backfills', async () => {
  const before = await bring();
  const toldBeforeMs = await untilTold(before.attempts);
  const other = await ensureOrganization(world.database, 'other');
  const scope = forOrganization(world.database, other.id);
  const settings = { description: '', events: ['attempt.ended'], offlineMinutes: 10, createdBy: randomUUID() };
  const silent = await createWebhook(scope, { ...settings, url: hole.url });
  const node = await seedNode(world.database, other.id, { online: false });
  for (let index = 0; index < SILENT_EVENTS; index++) {
    const attempt = await seedAttempt(world.database, { organizationId: other.id, nodeId: node });
    await world.database.$executeRaw`
      INSERT INTO webhook_event (id, webhook_id, organization_id, type, subject_id, attempt_id, node_id, position, status)
      VALUES (gen_random_uuid(), ${silent?.webhook.id}::uuid, ${other.id}::uuid, 'attempt.ended', ${attempt}::uuid,
              ${attempt}::uuid, ${node}::uuid, ${index}, 'completed')`;
  }
  await until(() => hole.open > 0, 60_000, 'the silent one is asked');
  const beside = await bring();
  const toldMs = await untilTold(beside.attempts);
  expect(beside.tookMs).toBeLessThan(2 * before.tookMs + 5000);
  expect(toldMs).toBeLessThan(2 * toldBeforeMs + 10_000);
  expect(hole.open).toBeLessThanOrEqual(4);
  for (const attempt of [...before.attempts, ...beside.attempts]) {
    const events = told(attempt);
    expect(new Set(events)).toEqual(new Set(['attempt.ended', 'attempt.complete']));
    expect(events).toEqual([...events].sort().reverse()); // it ended before it was complete
  }
}, 180_000);

test('a test event is told, with the outcome in the list of deliveries', async () => {
  const [webhook] = await world.get<{ id: string }[]>(hive, '/v1/webhooks');
  const path = `/v1/webhooks/${webhook?.id ?? ''}`;
  const { delivery_id } = await post<{ delivery_id: string }>(`${path}/test`);
  await until(() => receiver.taken.some(({ headers }) => headers['webhook-id'] === delivery_id), 60_000, 'it is sent');
  const ended = async () => {
    const { deliveries } = await world.get<{ deliveries: object[] }>(hive, `${path}/deliveries?limit=1`);
    expect(deliveries).toMatchObject([{ id: delivery_id, type: 'webhook.test', state: 'delivered', last_status: 204 }]);
    return true;
  };
  await until(ended, 60_000, 'it is listed');
});

test('what a hive has recorded is told after its death', async () => {
  receiver.reply = () => ({ status: 503 });
  const refused = receiver.received.length;
  const { attempts } = await bring();
  await until(() => receiver.received.length > refused, 60_000, 'it was tried');
  await hive.program.kill('SIGKILL');
  receiver.reply = () => ({ status: 200 });
  hive = await world.startHive({ port: Number(new URL(hive.url).port), env: ENV });
  // the pause after a failure doubles, so that the next try may be as far away as the kill was from the first
  await until(isTold(attempts), 150_000, 'everything was told');
  for (const attempt of attempts)
    expect(new Set(told(attempt))).toEqual(new Set(['attempt.ended', 'attempt.complete']));
}, 300_000);
