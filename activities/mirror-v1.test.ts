import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NodeRequestError, type BatchConnection } from '../gateway/interface.js';
import type { Database } from '../prisma/database.js';
import { settleBackfill } from '../prisma/queries/settle-backfill.js';
import { startTestHive, type TestHive } from '../tests/harness/http-api.js';
import { seedAttempt, seedNode } from '../tests/harness/seed.js';
import { mirrorV1 } from './mirror-v1.js';

let hive: TestHive;
let database: Database;

beforeAll(async () => {
  hive = await startTestHive();
  ({ database } = hive);
});
afterAll(() => hive.close());

test('an attempt whose backfill waits long for a node’s earlier answers says so until the backfill ends', async () => {
  const { id: organizationId } = hive.own;
  const nodeId = await seedNode(database, organizationId);
  const attemptId = await seedAttempt(database, { organizationId, nodeId });
  await database.attemptSync.update({ where: { attemptId }, data: { state: 'pending_backfill', runId: 'run' } });
  const step = (owedSeconds: number) => {
    const connection: BatchConnection = {
      protocol: 1,
      session: { nodeId, organizationId, fence: 1n },
      backfill: () => Promise.reject(new NodeRequestError('busy', 'no place', owedSeconds)),
    };
    const signal = new AbortController().signal;
    const rest = { database, signal, checkPage: () => Promise.reject(new Error('no pages')), stepMs: 5000 };
    return mirrorV1({ attemptId, connection, pulled: { lines: 0 }, ...rest }, 'full_attempt');
  };
  const errorOf = async () => (await database.attemptSync.findUniqueOrThrow({ where: { attemptId } })).lastError;
  expect(await step(10)).toEqual({ finished: false, changed: false, isBusy: true, owesAnswers: true });
  expect(await errorOf()).toBeNull();
  expect(await step(61)).toEqual({ finished: false, changed: false, isBusy: true, owesAnswers: true });
  expect(await errorOf()).toBe('waits_for_earlier_answers');
  await settleBackfill(database, { attemptId, runId: 'run', ending: 'done', progressed: true });
  expect(await errorOf()).toBeNull();
});
