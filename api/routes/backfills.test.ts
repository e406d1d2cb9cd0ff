import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ListedBackfill } from '../../backfills/find.js';
import { NO_BACKFILLS, startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { backfillPage } from '../schemas/backfill.js';

let hive: TestHive;
let known: ListedBackfill[] = [];

beforeAll(async () => {
  hive = await startTestHive({
    backfills: { ...NO_BACKFILLS, list: () => Promise.resolve({ backfills: known, nextPageToken: null }) },
  });
});
afterAll(() => hive.close());

const of = (attemptId: string): ListedBackfill => ({
  workflowId: `backfill/${attemptId}`,
  runId: randomUUID(),
  attemptId,
  nodeId: randomUUID(),
  trigger: 'read',
  status: 'running',
  outcome: null,
  startedAt: new Date(),
  endedAt: null,
});

test('a list of backfills shows their attempts as they are now, and none of another organisation', async () => {
  const { database, own, foreign } = hive;
  const nodeId = await seedNode(database, own.id, { name: 'build-7' });
  const titled = await seedAttempt(database, { organizationId: own.id, nodeId, metadata: { title: 'a\0b' } });
  const execution = await seedExecution(database, { attemptId: titled, nodeId, ordinal: 1, declaredLines: 9 });
  await appendPage(database, execution, makeLines('x', 4));
  await database.attemptSync.update({ where: { attemptId: titled }, data: { lastError: 'node_offline' } });
  const lost = await seedAttempt(database, { organizationId: own.id, nodeId, state: 'unavailable' });
  await database.attemptSync.update({ where: { attemptId: lost }, data: { unavailableReason: 'not_found' } });
  const foreignNode = await seedNode(database, foreign.id, { name: 'foreign-secret' });
  const others = await seedAttempt(database, { organizationId: foreign.id, nodeId: foreignNode });

  known = [titled, lost, others, randomUUID(), titled].map(of);
  const { backfills } = backfillPage.parse((await hive.get('/v1/backfills')).body);
  const title = {
    title: 'a\0b',
    command: null,
    node_name: 'build-7',
    sync_state: 'partial',
    lines_declared: 9,
    lines_stored: 4,
    last_error: 'node_offline',
    explanation: null,
  };
  const explanation =
    'What is missing will not come: the node no longer has the attempt. This ends if the node announces the attempt again.';
  expect(backfills.map(({ attempt }) => attempt)).toEqual([
    title,
    expect.objectContaining({ sync_state: 'unavailable', explanation }),
    null,
    null,
    title,
  ]);
});

test('a list without backfills asks the database for none', async () => {
  known = [];
  expect(backfillPage.parse((await hive.get('/v1/backfills')).body)).toMatchObject({ backfills: [], has_more: false });
});
