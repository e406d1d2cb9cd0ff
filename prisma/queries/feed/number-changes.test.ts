/** The positions of the feed: which writes get one, in which order they are seen, and what numbering waits for. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestHive, type TestHive } from '../../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../../tests/harness/seed.js';
import { Prisma } from '../../database.js';
import { numberChanges, numberIn } from './number-changes.js';
import type { NumberedChange } from './numbered-change.js';

let hive: TestHive;
let nodeId: string;

beforeAll(async () => {
  hive = await startTestHive();
  nodeId = await seedNode(hive.database, hive.own.id);
});
afterAll(() => hive.close());

const seed = () => seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });

/** Gives out positions until nothing is left. @returns the changes */
async function numberAll(): Promise<NumberedChange[]> {
  const { changes, hasMore } = await numberChanges(hive.database, { compareEveryMs: 0 });
  return hasMore ? [...changes, ...(await numberAll())] : changes;
}

test('an attempt gets one position for several changes, and a higher one after each further change', async () => {
  const attemptId = await seed();
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, status: 'running' });
  const [first, ...others] = await numberAll();
  expect(others).toEqual([]);
  const running = { status: 'running', syncState: 'partial', endedExecutions: 0 };
  expect(first).toMatchObject({ attemptId, organizationId: hive.own.id, nodeId, before: null, after: running });
  expect(await numberAll()).toEqual([]);

  await hive.database.$executeRaw`
    UPDATE execution SET status = 'failed', exit_code = 3, ended_at = now() WHERE id = ${executionId}::uuid`;
  const [second] = await numberAll();
  expect(second).toMatchObject({ attemptId, before: running, after: { status: 'failed', endedExecutions: 1 } });
  expect(second?.position).toBeGreaterThan(first?.position ?? 0n);
});

const WRITES: [string, (attemptId: string, executionId: string) => Prisma.Sql][] = [
  ['a new title', (id) => Prisma.sql`UPDATE attempt SET title = 'other' WHERE id = ${id}::uuid`],
  ['a new revision', (id) => Prisma.sql`UPDATE attempt SET revision = revision + 1 WHERE id = ${id}::uuid`],
  ['other metadata', (id) => Prisma.sql`UPDATE attempt SET metadata = '{"branch":"b"}' WHERE id = ${id}::uuid`],
  ['a claim', (id) => Prisma.sql`UPDATE attempt_sync SET state = 'pending_backfill' WHERE attempt_id = ${id}::uuid`],
  ['a later claim', (id) => Prisma.sql`UPDATE attempt_sync SET requested_at = now() WHERE attempt_id = ${id}::uuid`],
  ['an end', (_, id) => Prisma.sql`UPDATE execution SET status = 'killed' WHERE id = ${id}::uuid`],
  ['one that is gone', (_, id) => Prisma.sql`UPDATE execution SET gone_from_node = true WHERE id = ${id}::uuid`],
  ['lines', (_, id) => Prisma.sql`UPDATE execution SET stored_lines = stored_lines + 1 WHERE id = ${id}::uuid`],
  ['a new epoch', (_, id) => Prisma.sql`UPDATE execution SET log_epoch = log_epoch + 1 WHERE id = ${id}::uuid`],
  ['no execution', (_, id) => Prisma.sql`DELETE FROM execution WHERE id = ${id}::uuid`],
];

test.each(WRITES)('a change by SQL is noticed: %s', async (_, write) => {
  const attemptId = await seed();
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1 });
  await numberAll();
  await hive.database.$executeRaw(write(attemptId, executionId));
  expect(await numberAll()).toMatchObject([{ attemptId }]);
});

test('a change is noticed whatever schemas its writer looks in, as one that restores a dump looks in none', async () => {
  const attemptId = await seed();
  await numberAll();
  await hive.database.$transaction(async (tx) => {
    const [{ schema } = { schema: '' }] = await tx.$queryRaw<{ schema: string }[]>`SELECT current_schema() AS schema`;
    await tx.$executeRaw`SET LOCAL search_path = ''`;
    await tx.$executeRaw`
      UPDATE ${Prisma.raw(`"${schema}"`)}.attempt_sync SET requested_at = now() WHERE attempt_id = ${attemptId}::uuid`;
  });
  expect(await numberAll()).toMatchObject([{ attemptId }]);
});

test('notes of attempts that are not there end nothing early', async () => {
  await numberAll();
  await hive.database.$executeRaw`
    INSERT INTO attempt_touched (attempt_id) SELECT gen_random_uuid() FROM generate_series(1, 3)`;
  const attemptId = await seed();
  expect(await numberChanges(hive.database, { notes: 2 })).toEqual({ changes: [], hasMore: true, isElsewhere: false });
  expect(await numberAll()).toMatchObject([{ attemptId }]);
});

test('what no view shows gets no position', async () => {
  const attemptId = await seed();
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1 });
  await numberAll();
  await hive.database.$executeRaw`UPDATE attempt SET described_revision = 0 WHERE id = ${attemptId}::uuid`;
  await hive.database
    .$executeRaw`UPDATE attempt_sync SET run_id = 'x', retry_at = now() WHERE attempt_id = ${attemptId}::uuid`;
  await hive.database
    .$executeRaw`UPDATE execution SET compacted_epoch = 0, has_gap = true WHERE id = ${executionId}::uuid`;
  expect(await numberAll()).toEqual([]);
});

test('lines of a running execution are noticed by comparing, and their storing writes nothing more than before', async () => {
  const attemptId = await seed();
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, status: 'running' });
  await hive.database.$executeRaw`UPDATE node SET last_heartbeat_at = now() WHERE id = ${nodeId}::uuid`;
  await numberAll();
  await hive.database.$executeRaw`UPDATE execution SET declared_lines = 100 WHERE id = ${executionId}::uuid`;
  await numberAll();
  await appendPage(hive.database, executionId, makeLines('x', 5));
  const [notes] = await hive.database.$queryRaw<{ count: bigint }[]>`SELECT count(*) FROM attempt_touched`;
  expect(notes).toEqual({ count: 0n });
  expect((await numberChanges(hive.database, { compareEveryMs: 60_000 })).changes).toEqual([]); // compared just now
  expect(await numberAll()).toMatchObject([{ attemptId }]);
  const change = await hive.database.attemptChange.findUniqueOrThrow({ where: { attemptId } });
  expect(change).toMatchObject({ linesDeclared: 100n, linesStored: 5n, status: 'running' });
  expect(await numberAll()).toEqual([]);
});

test('a deleted attempt, or one of a deleted node, gets a last position', async () => {
  const other = await seedNode(hive.database, hive.own.id);
  const [attemptId, second] = [
    await seed(),
    await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId: other }),
  ];
  await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1 });
  await numberAll();
  await hive.database.$executeRaw`DELETE FROM attempt WHERE id = ${attemptId}::uuid`;
  expect(await numberAll()).toMatchObject([{ attemptId, before: { status: 'completed' }, after: null }]);
  await hive.database.$executeRaw`DELETE FROM node WHERE id = ${other}::uuid`;
  expect(await numberAll()).toMatchObject([{ attemptId: second, after: null }]);
  expect(await numberAll()).toEqual([]);
});

test('positions are seen in their order: while some are not committed, no other transaction gives out any', async () => {
  await numberAll();
  const ids = [await seed(), await seed()];
  let commit = (): void => undefined;
  const held = new Promise<void>((resolve) => (commit = resolve));
  let gaveOut = (): void => undefined;
  const given = new Promise<void>((resolve) => (gaveOut = resolve));
  const { database } = hive;
  const slow = database.$transaction(async (tx) => {
    const { changes } = await numberIn(tx);
    gaveOut();
    await held;
    return changes;
  });
  await given;
  ids.push(await seed());
  const meanwhile = await numberChanges(database);
  expect(meanwhile).toEqual({ changes: [], hasMore: false, isElsewhere: true });
  const [seen] = await database.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) FROM attempt_change WHERE attempt_id = ANY (${ids}::uuid[])`;
  expect(seen).toEqual({ count: 0n });
  commit();
  expect((await slow).map(({ attemptId }) => attemptId)).toEqual(ids.slice(0, 2));
  expect((await numberAll()).map(({ attemptId }) => attemptId)).toEqual(ids.slice(2));
});

test('a writer that holds rows for long delays the change of its own attempt only', async () => {
  const [locked, free] = [await seed(), await seed()];
  await numberAll();
  const { database } = hive;
  await database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM attempt WHERE id = ${locked}::uuid FOR UPDATE`;
    await tx.$executeRaw`UPDATE attempt_sync SET state = 'complete' WHERE attempt_id = ${locked}::uuid`;
    await database.$executeRaw`UPDATE attempt_sync SET state = 'complete' WHERE attempt_id = ${free}::uuid`;
    // the writer goes on only after this: who waited for it would be refused
    expect(await numberAll()).toMatchObject([{ attemptId: free }]);
  });
  expect(await numberAll()).toMatchObject([{ attemptId: locked, after: { syncState: 'complete' } }]);
});

test('counts are what there is', async () => {
  await numberAll();
  const kept = await hive.database.$queryRaw`
    SELECT status, sync_state, attempts FROM attempt_count WHERE organization_id = ${hive.own.id}::uuid AND attempts <> 0
    ORDER BY 1, 2`;
  const counted = await hive.database.$queryRaw`
    SELECT COALESCE((SELECT e.status::text FROM execution e WHERE e.attempt_id = a.id AND NOT gone_from_node), '') AS status,
      s.state AS sync_state, count(*) AS attempts
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id GROUP BY 1, 2 ORDER BY 1, 2`;
  expect(kept).toEqual(counted);
});
