import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NodeRequestError, type BatchConnection } from '../gateway/interface.js';
import { openDatabase } from '../prisma/client.js';
import type { Database } from '../prisma/database.js';
import { ensureOrganization } from '../prisma/queries/organization.js';
import { settleBackfill } from '../prisma/queries/settle-backfill.js';
import { createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { seedAttempt, seedNode } from '../tests/harness/seed.js';
import { mirrorV1 } from './mirror-v1.js';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
});
afterAll(async () => {
  await database.$disconnect();
  await testDatabase.drop();
});

test('an attempt whose backfill waits long for a node’s earlier answers says so until the backfill ends', async () => {
  const { id: organizationId } = await ensureOrganization(database, 'default');
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
  expect(await step(10)).toEqual({ finished: false, changed: false, isBusy: true });
  expect(await errorOf()).toBeNull();
  expect(await step(61)).toEqual({ finished: false, changed: false, isBusy: true });
  expect(await errorOf()).toBe('waits_for_earlier_answers');
  await settleBackfill(database, { attemptId, runId: 'run', ending: 'done', progressed: true });
  expect(await errorOf()).toBeNull();
});
