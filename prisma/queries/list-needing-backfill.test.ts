import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { seedAttempt, seedNode } from '../../tests/harness/seed.js';
import { Prisma, type Queryable } from '../database.js';
import { endTurns, listNeedingBackfill, listNodesToDrain, stillToDrain } from './list-needing-backfill.js';

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

test('connected nodes that need it take turns: no round passes over one that has waited longer', async () => {
  const wanted = await Promise.all(Array.from({ length: 6 }, () => seed()));
  await seed({ online: false });
  await seed({ needsBackfill: false });
  const round = async () => {
    const nodes = (await listNodesToDrain(hive.database, 2)).map(({ nodeId }) => nodeId);
    expect(nodes).toHaveLength(2);
    await endTurns(hive.database, nodes);
    return nodes;
  };
  const first = [await round(), await round(), await round()];
  expect(first.flat().sort()).toEqual(wanted.sort());
  expect([await round(), await round(), await round()].map((nodes) => nodes.sort())).toEqual(
    first.map((nodes) => nodes.sort()),
  );
});

test('a node that connects for the first time is next, and one whose row is locked keeps its turn', async () => {
  const locked = await seed();
  const other = await seed();
  await hive.database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM node WHERE id = ${locked}::uuid FOR UPDATE`;
    await endTurns(hive.database, [locked, other]);
  });
  const added = await seed();
  const next = (await listNodesToDrain(hive.database, 3)).map(({ nodeId }) => nodeId);
  expect(next.slice(0, 2).sort()).toEqual([locked, added].sort());
  expect(next[2]).toBe(other);
});

test.each<[string, (db: Queryable, nodeId: string) => Promise<unknown>]>([
  ['a node’s attempts', (db, nodeId) => listNeedingBackfill(db, nodeId, undefined, 100)],
  ['the nodes to drain', (db) => listNodesToDrain(db, 100)],
  ['the nodes that are still to drain', (db, nodeId) => stillToDrain(db, [nodeId])],
])('%s are looked for in an index of nothing but attempts that need a backfill', async (_name, ask) => {
  const nodeId = await seed();
  // among a few rows, any index will do
  const others = { organizationId: hive.own.id, nodeId, needsBackfill: false };
  await Promise.all(Array.from({ length: 300 }, () => seedAttempt(hive.database, others)));
  await hive.database.$executeRaw`ANALYZE attempt_sync`;
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
