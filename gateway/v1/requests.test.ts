import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { openDatabase } from '../../prisma/client.js';
import { ensureOrganization } from '../../prisma/queries/organization.js';
import { releaseRequest, reserveRequest, settleRequests } from '../../prisma/queries/v1/outstanding-requests.js';
import type { HiveAnswerV1 } from '../../protocol/v1/frames.js';
import { createTestDatabase, type TestDatabase } from '../../tests/harness/database.js';
import { seedAttempt, seedNode } from '../../tests/harness/seed.js';
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
  nodeId = await seedNode(database, organizationId);
});

afterAll(async () => {
  await database.$disconnect();
  await testDatabase.drop();
});

/**
 * A database that is slow to look up the attempt's executions, which happens between reserving and sending a request.
 */
function withLateLookUps(attemptId: string, ms: number): Database {
  return new Proxy(database, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (name !== '$queryRaw') return value;
      return async (text: TemplateStringsArray, ...values: unknown[]) => {
        if (values.includes(attemptId)) await sleep(ms);
        return target.$queryRaw(text, ...values);
      };
    },
  });
}

function requestsOn(db: Database) {
  const sent: string[] = [];
  const socket = { isOpen: true };
  const requests = new RequestsV1({
    database: db,
    session: { nodeId, fence: 1n },
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
const never = new AbortController().signal;

test('requests are sent in the order in which they were reserved, so that an answer ends none that has not been sent yet', async () => {
  const slow = await seedAttempt(database, { organizationId, nodeId });
  const fast = await seedAttempt(database, { organizationId, nodeId });
  const { sent, requests } = requestsOn(withLateLookUps(slow, 300));
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
  const { sent, socket, requests } = requestsOn(withLateLookUps(slow, 300));
  const answer = requests.backfill(slow, 'full_attempt', never);
  while ((await reserved()).length === 0) await sleep(10);
  socket.isOpen = false;
  requests.disconnect();
  await expect(answer).rejects.toMatchObject({ code: 'disconnected' });
  expect(sent).toEqual([]);
  expect(await reserved()).toEqual([]);
});
