import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { openDatabase } from '../../client.js';
import type { Database } from '../../database.js';
import { forOrganization } from '../../organization-scope.js';
import { createTestDatabase, type TestDatabase } from '../../../tests/harness/database.js';
import { seedAttempt, seedExecution, seedNode } from '../../../tests/harness/seed.js';
import { numberChanges } from '../feed/number-changes.js';
import type { FeedState } from '../feed/numbered-change.js';
import { ensureOrganization } from '../organization.js';
import { eventsOf } from './record-events.js';
import { deleteEndedEvents, giveUpOld, recordOfflineNodes } from './tend-events.js';
import { createWebhook } from './webhook.js';

const states = (
  status: FeedState['status'],
  syncState: FeedState['syncState'] = 'partial',
  endedExecutions = 0,
): FeedState => ({
  status,
  syncState,
  endedExecutions,
});

test.each<[string, FeedState | null, FeedState | null, string[]]>([
  ['an attempt that is new and runs', null, states('running'), []],
  ['one that has no executions yet', null, states(null), []],
  ['one that ends', states('running'), states('failed', 'partial', 1), ['attempt.ended']],
  ['one that a node brings when it is over', null, states('killed', 'partial', 1), ['attempt.ended']],
  [
    'one of which the rest comes',
    states('completed', 'partial', 1),
    states('completed', 'complete', 1),
    ['attempt.complete'],
  ],
  [
    'one that ends with all its lines',
    states('running'),
    states('completed', 'complete', 1),
    ['attempt.ended', 'attempt.complete'],
  ],
  ['one that runs again', states('completed', 'complete', 1), states('running', 'partial', 1), []],
  ['one that ends again', states('running', 'partial', 1), states('completed', 'partial', 2), ['attempt.ended']],
  [
    'one that ran again unseen',
    states('completed', 'complete', 1),
    states('completed', 'complete', 2),
    ['attempt.ended'],
  ],
  ['one that stays as it is', states('completed', 'complete', 1), states('completed', 'complete', 1), []],
  [
    'one that will not come',
    states('completed', 'pending_backfill', 1),
    states('completed', 'unavailable', 1),
    ['attempt.unavailable'],
  ],
  ['one that is deleted', states('completed', 'complete', 1), null, []],
])('%s', (_, before, after, expected) => {
  expect(eventsOf({ before, after })).toEqual(expected);
});

let created: TestDatabase;
let database: Database;
let organizationId: string;
beforeAll(async () => {
  created = await createTestDatabase();
  database = openDatabase(created.url, 5);
});
beforeEach(async () => {
  organizationId = (await ensureOrganization(database, randomUUID())).id;
});
afterAll(async () => {
  await database.$disconnect();
  await created.drop();
});

async function hook(events: string[], offlineMinutes = 10, organization = organizationId): Promise<string> {
  const settings = {
    url: 'https://receiver.example/',
    description: '',
    events,
    offlineMinutes,
    createdBy: randomUUID(),
  };
  const made = await createWebhook(forOrganization(database, organization), settings);
  return made?.webhook.id ?? '';
}

const eventsFor = (webhookId: string) =>
  database.webhookEvent.findMany({ where: { webhookId }, orderBy: [{ position: 'asc' }, { number: 'asc' }] });

test('the transaction that numbers changes makes the events, for the webhooks of the organisation that want them', async () => {
  const ended = await hook(['attempt.ended']);
  const all = await hook(['attempt.ended', 'attempt.complete', 'attempt.unavailable']);
  const foreign = await hook(['attempt.ended'], 10, (await ensureOrganization(database, randomUUID())).id);
  const nodeId = await seedNode(database, organizationId);
  const attemptId = await seedAttempt(database, { organizationId, nodeId });
  const executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1, status: 'running' });
  await numberChanges(database);
  expect(await eventsFor(all)).toEqual([]);
  await database.$executeRaw`UPDATE execution SET status = 'failed' WHERE id = ${executionId}::uuid`;
  await database.$executeRaw`UPDATE attempt_sync SET state = 'complete' WHERE attempt_id = ${attemptId}::uuid`;
  await numberChanges(database);
  await numberChanges(database);
  const [change] = await database.$queryRaw<{ position: bigint }[]>`
    SELECT position FROM attempt_change WHERE attempt_id = ${attemptId}::uuid`;
  const about = { attemptId, nodeId, organizationId, subjectId: attemptId, position: change?.position };
  const now = { status: 'failed', syncState: 'complete', state: 'waiting', handedAt: null };
  expect(await eventsFor(all)).toMatchObject([
    { ...about, ...now, type: 'attempt.ended' },
    { ...about, ...now, type: 'attempt.complete' },
  ]);
  expect((await eventsFor(ended)).map(({ type }) => type)).toEqual(['attempt.ended']);
  expect(await eventsFor(foreign)).toEqual([]);
});

test('a node that is away for long enough is told once each time, and not if that was before the webhook', async () => {
  const away = async (minutes: number) => {
    const id = await seedNode(database, organizationId, { online: false });
    await database.$executeRaw`
      UPDATE node SET disconnected_at = now() - make_interval(mins => ${minutes}) WHERE id = ${id}::uuid`;
    return id;
  };
  const killed = await seedNode(database, organizationId); // its hive died, and left its lease
  await database.$executeRaw`
    UPDATE node_lease SET expires_at = now() - interval '11 minutes' WHERE node_id = ${killed}::uuid`;
  const webhook = await hook(['node.offline']);
  await database.$executeRaw`
    UPDATE webhook SET created_at = now() - interval '1 hour' WHERE id = ${webhook}::uuid`;
  const [gone, , ,] = [await away(30), await away(5), await away(100), await seedNode(database, organizationId)];
  const never = await hook(['attempt.ended']);
  expect(await recordOfflineNodes(database)).toBe(2);
  expect(await recordOfflineNodes(database)).toBe(0);
  const events = await eventsFor(webhook);
  expect(new Set(events.map(({ nodeId }) => nodeId))).toEqual(new Set([gone, killed]));
  const [event] = events.filter(({ nodeId }) => nodeId === gone);
  expect(event).toMatchObject({ type: 'node.offline', subjectId: gone, attemptId: null });
  expect(Date.now() - (event?.occurredAt.getTime() ?? 0)).toBeGreaterThan(29 * 60_000);
  expect(await eventsFor(never)).toEqual([]);
  // it comes back, and goes again
  await database.$executeRaw`UPDATE node SET disconnected_at = now() - interval '12 minutes' WHERE id = ${gone}::uuid`;
  expect(await recordOfflineNodes(database)).toBe(1);
});

test('events that are too old are given up, and ended ones are forgotten after a week', async () => {
  const webhook = await hook(['attempt.ended']);
  const [old, untried, fresh, over] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const make = (id: string, ago: string, endedAgo: string | null) => database.$executeRaw`
    INSERT INTO webhook_event (id, webhook_id, organization_id, type, subject_id, position, created_at, state, ended_at)
    VALUES (${id}::uuid, ${webhook}::uuid, ${organizationId}::uuid, 'attempt.ended', ${randomUUID()}::uuid, 1,
            now() - ${ago}::interval, ${endedAgo === null ? 'waiting' : 'delivered'}::webhook_event_state,
            now() - ${endedAgo}::interval)`;
  await make(old, '25 hours', null);
  await database.$executeRaw`UPDATE webhook_event SET tries = 9 WHERE id = ${old}::uuid`;
  await make(untried, '25 hours', null); // the hives were away
  await make(fresh, '23 hours', null);
  await make(over, '9 days', '8 days');
  expect(await giveUpOld(database, 24 * 3_600_000)).toBe(1);
  expect(await deleteEndedEvents(database)).toBe(1);
  const left = await eventsFor(webhook);
  expect(Object.fromEntries(left.map(({ id, state, lastError }) => [id, [state, lastError]]))).toEqual({
    [old]: ['given_up', 'receiver_failing'],
    [untried]: ['waiting', null],
    [fresh]: ['waiting', null],
  });
  await database.$executeRaw`UPDATE webhook SET failing_since = now() WHERE id = ${webhook}::uuid`;
  expect(await giveUpOld(database, 24 * 3_600_000)).toBe(1);
});

test('attempts that were there before the webhook are not told as if they were new', async () => {
  const nodeId = await seedNode(database, organizationId);
  const seed = async () => {
    const attemptId = await seedAttempt(database, { organizationId, nodeId });
    await seedExecution(database, { attemptId, nodeId, ordinal: 1 });
    return attemptId;
  };
  await seed();
  const webhook = await hook(['attempt.ended']);
  const later = await seed();
  await numberChanges(database);
  expect((await eventsFor(webhook)).map(({ attemptId }) => attemptId)).toEqual([later]);
});
