import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { seedAttempt, seedNode } from '../../tests/harness/seed.js';
import { listNodesToDrain } from './list-nodes-to-drain.js';

let hive: TestHive;
beforeEach(async () => {
  hive = await startTestHive();
});
afterEach(() => hive.close());

async function seed(options: { online?: boolean; needsBackfill?: boolean } = {}): Promise<string> {
  const { online = true, needsBackfill = true } = options;
  const nodeId = await seedNode(hive.database, hive.own.id, { online });
  await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId, needsBackfill });
  return nodeId;
}

test('a round takes as many nodes as it may, and in time every one that is connected and needs it', async () => {
  const wanted = await Promise.all(Array.from({ length: 6 }, () => seed()));
  await seed({ online: false });
  await seed({ needsBackfill: false });
  const seen = new Set<string>();
  for (let round = 0; round < 200 && seen.size < wanted.length; round++) {
    const nodes = await listNodesToDrain(hive.database, 2);
    expect(nodes).toHaveLength(2);
    for (const { nodeId } of nodes) seen.add(nodeId);
  }
  expect([...seen].sort()).toEqual(wanted.sort());
});
