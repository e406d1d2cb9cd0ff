import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Database } from '../../prisma/database.js';
import { forOrganization } from '../../prisma/organization-scope.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { LOG_START } from './cursor.js';
import { LogFollower } from './log-follower.js';

let hive: TestHive;
beforeAll(async () => {
  hive = await startTestHive();
});
afterAll(() => hive.close());

/** The database, but its first answer waits. */
function hesitant(database: Database) {
  let onAsked: () => void = () => undefined;
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (onAsked = resolve));
  const mayAnswer = new Promise<void>((resolve) => (answer = resolve));
  const $queryRaw: Database['$queryRaw'] = async (statement, ...values) => {
    onAsked();
    await mayAnswer;
    return database.$queryRaw(statement, ...values);
  };
  return { database: { $queryRaw } as Database, asked, answer };
}

test('a line that comes while the poll asks, after another stream has read, is told at once', async () => {
  const nodeId = await seedNode(hive.database, hive.own.id);
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, status: 'running' });
  const scope = forOrganization(hive.database, hive.own.id);
  const { database, asked, answer } = hesitant(hive.database);
  const follower = new LogFollower(database, pino({ level: 'silent' }), 100);
  const unfollow = follower.follow(attemptId);
  try {
    await asked;
    expect((await follower.read(scope, attemptId, LOG_START, {})).events).toHaveLength(0);
    await appendPage(hive.database, executionId, makeLines('late', 1));
    answer();
    await follower.changed(attemptId, 0, 60_000, new AbortController().signal);
    expect((await follower.read(scope, attemptId, LOG_START, {})).events).toHaveLength(1);
  } finally {
    unfollow();
  }
});
