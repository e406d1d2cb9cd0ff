import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { seedAttempt, seedNode } from '../../tests/harness/seed.js';
import { Prisma, type Queryable } from '../database.js';
import { listNeedingBackfill, listNodesToDrain, stillToDrain } from './list-needing-backfill.js';

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

test('a round takes as many nodes as it may, and eventually every one that is connected and needs it', async () => {
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

test.each<[string, (db: Queryable, nodeId: string) => Promise<unknown>]>([
  ['a node’s attempts', (db, nodeId) => listNeedingBackfill(db, nodeId, undefined, 100)],
  ['the nodes to drain', (db) => listNodesToDrain(db, 100)],
  ['the nodes that are still to drain', (db, nodeId) => stillToDrain(db, [nodeId])],
])('%s are looked for in an index of nothing but attempts that need a backfill', async (_name, ask) => {
  const nodeId = await seed();
  const plan = await hive.database.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL enable_seqscan = off`;
    let explained: unknown;
    await ask(
      {
        ...tx,
        async $queryRaw<Rows>(statement: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) {
          const sql = 'raw' in statement ? Prisma.sql(statement, ...values) : statement;
          explained = await tx.$queryRaw`EXPLAIN (FORMAT JSON) ${sql}`;
          return [] as Rows;
        },
      },
      nodeId,
    );
    return explained;
  });
  expect(JSON.stringify(plan)).toContain('attempt_sync_needs_backfill_idx');
});
