import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Database } from '../../database.js';
import { startTestHive, type TestHive } from '../../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../../tests/harness/seed.js';
import { forgetHiveRevisions } from './forget-hive-revisions.js';

let hive: TestHive;
let database: Database;

beforeAll(async () => {
  hive = await startTestHive();
  ({ database } = hive);
});
afterAll(() => hive.close());

test('pages that a hive was staging when it died do not stand where the node’s own epoch stores its pages', async () => {
  const { id: organizationId } = hive.own;
  const nodeId = await seedNode(database, organizationId);
  await database.node.update({ where: { id: nodeId }, data: { protocolVersion: 1 } });
  const attemptId = await seedAttempt(database, { organizationId, nodeId });
  const executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1, metadata: { log_epoch: 1 } });
  await appendPage(database, executionId, makeLines('line', 3));
  const stored = await database.logPage.findFirstOrThrow({ where: { executionId } });
  // the next epoch's, and those that a repair keeps under an epoch that no reader asks for
  await database.logPage.createMany({ data: [2, -2].map((logEpoch) => ({ ...stored, logEpoch })) });
  await forgetHiveRevisions(database, nodeId);
  const pages = await database.logPage.findMany({ where: { executionId }, orderBy: { logEpoch: 'asc' } });
  expect(pages.map(({ logEpoch }) => logEpoch)).toEqual([-2, 1]);
});
