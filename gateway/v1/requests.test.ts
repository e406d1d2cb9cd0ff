import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { openDatabase } from '../../prisma/client.js';
import { ensureOrganization } from '../../prisma/queries/organization.js';
import {
  MAX_OWED_ANSWERS,
  releaseRequest,
  reserveRequest,
  settleRequests,
} from '../../prisma/queries/v1/outstanding-requests.js';
import type { HiveAnswerV1 } from '../../protocol/v1/frames.js';
import { createTestDatabase, type TestDatabase } from '../../tests/harness/database.js';
import { seedAttempt, seedNode } from '../../tests/harness/seed.js';
import type { NodeRequestError } from '../interface.js';
import { requestsOutstanding } from '../metrics.js';
import { RequestsV1 } from './requests.js';
import type { Database } from '../../prisma/database.js';

let testDatabase: TestDatabase;
let database: Database;
let organizationId: string;
let nodeId: string;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  organizationId = (await ensureOrganization(database, 'default')).id;
});

beforeEach(async () => {
  requestsOutstanding.reset();
  nodeId = await seedNode(database, organizationId);
});

afterAll(async () => {
  await database.$disconnect();
  await testDatabase.drop();
});

/**
 * A database that does not look up the attempt's executions before it may, which happens between reserving and sending
 * a request.
 */
function withLateLookUps(attemptId: string, mayLookUp: () => Promise<unknown>): Database {
  return new Proxy(database, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (name !== '$queryRaw') return value;
      return async (text: TemplateStringsArray, ...values: unknown[]) => {
        if (values.includes(attemptId)) await mayLookUp();
        return target.$queryRaw(text, ...values);
      };
    },
  });
}

function requestsOn(db: Database, fence = 1n) {
  const sent: string[] = [];
  const socket = { isOpen: true };
  const requests = new RequestsV1({
    database: db,
    session: { nodeId, fence },
    logger: pino({ level: 'silent' }),
    send: (frame: HiveAnswerV1) => {
      if (socket.isOpen && frame.type === 'backfill_request') sent.push(frame.data.message_id);
      return socket.isOpen;
    },
    open: () => undefined,
    nodeTime: () => Date.now(),
    lastProgress: () => performance.now(),
  });
  return { sent, socket, requests };
}

const reserved = async () =>
  (await database.backfillRequest.findMany({ where: { nodeId }, orderBy: { seq: 'asc' } })).map(({ id }) => id);
/** What the gauge shows of this process, without zeros. */
const gauge = async () =>
  Object.fromEntries(
    (await requestsOutstanding.get()).values.flatMap(({ labels, value }) =>
      value === 0 ? [] : [[String(labels['kind']), value]],
    ),
  );

const never = new AbortController().signal;
const codeOf = (answer: Promise<unknown>) => answer.catch((error: unknown) => (error as NodeRequestError).code);

/** A session of the node that ended while the node owed it answers. */
async function leaveUnanswered(count: number, fence = 1n): Promise<string> {
  const attemptId = await seedAttempt(database, { organizationId, nodeId });
  for (let index = 0; index < count; index++) {
    await database.backfillRequest.create({ data: { id: randomUUID(), nodeId, attemptId, fence } });
  }
  return attemptId;
}

/** A later session of the node, which has loaded what the node owes. */
async function laterSession() {
  await database.nodeLease.update({ where: { nodeId }, data: { fence: 2n } });
  const session = requestsOn(database, 2n);
  await session.requests.load();
  return session;
}

/** The node answers a request, and the answer is stored. */
async function answer(requests: RequestsV1, id: string): Promise<void> {
  for (const settled of await settleRequests(database, nodeId, id)) requests.settle(settled);
}

test('requests are sent in the order in which they were reserved, so that an answer ends none that has not been sent yet', async () => {
  const slow = await seedAttempt(database, { organizationId, nodeId });
  const fast = await seedAttempt(database, { organizationId, nodeId });
  const { sent, requests } = requestsOn(withLateLookUps(slow, () => sleep(300)));
  const answers = [slow, fast].map((attemptId) => requests.backfill(attemptId, 'full_attempt', never));
  while (sent.length === 0) await sleep(10);
  // the node answers each request at once
  for (let answered = 0; answered < 2;) {
    const id = sent[answered];
    if (id !== undefined) {
      expect(await settleRequests(database, nodeId, id)).toEqual([id]);
      requests.settle(id);
      answered++;
    }
    await sleep(10);
  }
  await Promise.all(answers);
  expect(await reserved()).toEqual([]);
});

test('a request that a closing socket does not send keeps no place', async () => {
  const attemptId = await seedAttempt(database, { organizationId, nodeId });
  const { requests, socket } = requestsOn(database);
  socket.isOpen = false;
  await expect(requests.backfill(attemptId, 'full_attempt', never)).rejects.toMatchObject({ code: 'disconnected' });
  expect(await reserved()).toEqual([]);
});

test('an answer also ends requests of earlier connections, even those whose places were given back meanwhile', async () => {
  const [early, attemptId] = [
    await seedAttempt(database, { organizationId, nodeId }),
    await seedAttempt(database, { organizationId, nodeId }),
  ];
  const id = randomUUID();
  await reserveRequest(database, { nodeId, fence: 1n }, { id, attemptId: early });
  const { sent, requests } = requestsOn(database);
  await requests.load();
  expect(requests.owesFromBefore(early)).toBe(true);
  await releaseRequest(database, id);
  const answer = requests.backfill(attemptId, 'full_attempt', never);
  while (sent.length === 0) await sleep(10);
  requests.settle(sent[0] ?? '');
  await answer;
  expect(requests.owesFromBefore(early)).toBe(false);
});

test('a request whose connection is lost before it is sent keeps no place', async () => {
  const slow = await seedAttempt(database, { organizationId, nodeId });
  let lose: () => void = () => undefined;
  const lost = new Promise<void>((resolve) => (lose = resolve));
  const { sent, socket, requests } = requestsOn(withLateLookUps(slow, () => lost));
  const answer = requests.backfill(slow, 'full_attempt', never);
  while ((await reserved()).length === 0) await sleep(10);
  socket.isOpen = false;
  requests.disconnect();
  lose();
  await expect(answer).rejects.toMatchObject({ code: 'disconnected' });
  expect(sent).toEqual([]);
  expect(await reserved()).toEqual([]);
});

test('requests that a node never answered keep no later connection from asking, and the answer to that frees them', async () => {
  const early = await leaveUnanswered(4);
  const { sent, requests } = await laterSession();
  expect(requests.owesFromBefore(early)).toBe(true);
  const asked = requests.ask([], never);
  while (sent.length === 0) await sleep(10);
  const attemptId = await seedAttempt(database, { organizationId, nodeId });
  expect(await codeOf(requests.backfill(attemptId, 'full_attempt', never))).toBe('busy');
  expect(requests.waiting).toMatchObject({ requests: 5, fromBefore: 4 });
  expect(await gauge()).toEqual({ ask: 1, earlier: 4 });
  await answer(requests, sent[0] ?? '');
  await asked;
  expect(await reserved()).toEqual([]);
  expect(requests.owesFromBefore(early)).toBe(false);
  expect(requests.waiting).toMatchObject({ requests: 0, fromBefore: 0 });
  expect(await gauge()).toEqual({});
  const backfill = requests.backfill(attemptId, 'full_attempt', never);
  while (sent.length === 1) await sleep(10);
  await answer(requests, sent[1] ?? '');
  expect(await backfill).toMatchObject({ done: true });
});

test('a backfill can be the one request that a later connection sends', async () => {
  await leaveUnanswered(4);
  const { sent, requests } = await laterSession();
  const attemptId = await seedAttempt(database, { organizationId, nodeId });
  const backfill = requests.backfill(attemptId, 'full_attempt', never);
  while (sent.length === 0) await sleep(10);
  expect(await codeOf(requests.ask([], never))).toBe('busy');
  await answer(requests, sent[0] ?? '');
  expect(await backfill).toMatchObject({ done: true });
  expect(await reserved()).toEqual([]);
});

test('a node that would owe so many answers that it freezes is asked nothing more', async () => {
  await leaveUnanswered(MAX_OWED_ANSWERS);
  const { sent, requests } = await laterSession();
  expect(await codeOf(requests.ask([], never))).toBe('busy');
  expect(sent).toEqual([]);
});

test('backfills leave one place to an ask, and one ask is out at a time', async () => {
  const { sent, requests } = requestsOn(database);
  const attempts: string[] = [];
  for (let index = 0; index < 4; index++) attempts.push(await seedAttempt(database, { organizationId, nodeId }));
  const backfills = attempts.map((attemptId) => codeOf(requests.backfill(attemptId, 'full_attempt', never)));
  while (sent.length < 3) await sleep(10);
  const asked = codeOf(requests.ask(attempts, never));
  while (sent.length < 4) await sleep(10);
  expect(await codeOf(requests.ask([], never))).toBe('busy');
  expect(await backfills[3]).toBe('busy');
  expect(sent).toHaveLength(4);
  requests.disconnect();
  expect(await Promise.all([asked, ...backfills])).toEqual([
    'disconnected',
    'disconnected',
    'disconnected',
    'disconnected',
    'busy',
  ]);
});

test('a refusal says how long the node has owed an answer, without the time that it was away', async () => {
  await leaveUnanswered(MAX_OWED_ANSWERS);
  await database.$executeRaw`UPDATE backfill_request SET waiting_since = now() - interval '90 seconds'`;
  const { requests } = await laterSession();
  const refusal = await requests.ask([], never).catch((error: unknown) => error as NodeRequestError);
  expect(refusal).toMatchObject({ code: 'busy' });
  expect((refusal as NodeRequestError).owedSeconds).toBeGreaterThan(90);
  expect((refusal as NodeRequestError).owedSeconds).toBeLessThan(120);
});
