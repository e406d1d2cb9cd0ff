import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { until } from '../tests/harness/until.js';
import { startPooler, testWithPooler, whySkipped } from '../tests/harness/with-pooler.js';
import { openDatabase } from './client.js';
import { isTransientDatabaseError, judgeDatabaseError } from './errors.js';
import { Prisma, type Database, type Queryable } from './database.js';
import { PrismaClient } from './generated/client.js';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url, 2);
});

afterAll(async () => {
  await database.$disconnect();
  await testDatabase.drop();
});

test('gives rows as Prisma gives them', async () => {
  const id = '00000000-0000-4000-8000-000000000001';
  const ask = (db: Pick<Database | PrismaClient, '$queryRaw'>) => db.$queryRaw`
    SELECT ${9007199254740993n}::bigint AS large, ${3}::int AS small, ${id}::uuid AS id, ${[id]}::uuid[] AS ids,
           ${'{"a":"\\u0000"}'}::json AS json, '2026-01-01T10:00:00Z'::timestamptz AS time, NULL AS nothing`;
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: testDatabase.url }) });
  try {
    expect(await ask(database)).toEqual(await ask(prisma));
  } finally {
    await prisma.$disconnect();
  }
});

test('a database that was only asked statements ends its connections at a disconnect, and another disconnect is none', async () => {
  const asked = openDatabase(testDatabase.url, 1);
  const [session] = await asked.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
  await asked.$disconnect();
  await asked.$disconnect();
  await until(
    async () =>
      (await database.$queryRaw<unknown[]>`SELECT FROM pg_stat_activity WHERE pid = ${session?.pid}`).length === 0,
    60_000,
    'its connection is gone',
  );
});

test('counts the rows that a statement changed', async () => {
  expect(await database.$executeRaw`INSERT INTO organization (id, name) VALUES (gen_random_uuid(), 'a')`).toBe(1);
  expect(await database.$executeRaw`DELETE FROM organization WHERE name = ${'b'}`).toBe(0);
});

test('a connection that the server ended is not used again, but one whose statement failed is', async () => {
  const single = openDatabase(testDatabase.url, 1);
  const backend = () => single.$queryRaw`SELECT pg_backend_pid() AS pid`;
  try {
    const before = await backend();
    const failing = single.$queryRaw`SELECT 1 / ${0}::int`;
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect(await backend()).toEqual(before);
    const ended: unknown = await single.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`.catch(
      (reason: unknown) => reason,
    );
    expect(isTransientDatabaseError(ended)).toBe(true);
    expect(await backend()).not.toEqual(before);
  } finally {
    await single.$disconnect();
  }
});

test('leaves nothing of a transaction that fails', async () => {
  const failing = database.$transaction(async (tx) => {
    await tx.$executeRaw`INSERT INTO organization (id, name) VALUES (gen_random_uuid(), 'half')`;
    throw new Error('later');
  });
  await expect(failing).rejects.toThrow('later');
  expect(await database.organization.count({ where: { name: 'half' } })).toBe(0);
});

test('goes on after a connection broke in a transaction', async () => {
  const failing = database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`;
  });
  const error: unknown = await failing.catch((reason: unknown) => reason);
  expect(isTransientDatabaseError(error)).toBe(true);
  expect(await database.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

/** Long enough to connect, also on a busy machine. */
const IMPATIENT_MS = 2000;

const UNANSWERED: [string, (db: Database) => Promise<unknown>][] = [
  ['a statement', (db) => db.$queryRaw`SELECT pg_sleep(20)::text`],
  ['a transaction', (db) => db.$transaction(() => new Promise(() => undefined))],
];

test.each(UNANSWERED)('gives up %s that is not answered, and the connection with it', async (_name, ask) => {
  const impatient = openDatabase(testDatabase.url, 1, IMPATIENT_MS);
  const backend = () => impatient.$queryRaw`SELECT pg_backend_pid() AS pid`;
  try {
    const before = await backend();
    const error: unknown = await ask(impatient).catch((reason: unknown) => reason);
    expect(String(error)).toMatch('the database did not answer within 2 s');
    expect(isTransientDatabaseError(error)).toBe(true);
    expect(await backend()).not.toEqual(before);
  } finally {
    await impatient.$disconnect();
  }
});

test('a transaction may take longer than a statement, if it says so', async () => {
  const impatient = openDatabase(testDatabase.url, 1, IMPATIENT_MS);
  try {
    const slow = impatient.$transaction((tx) => tx.$queryRaw`SELECT pg_sleep(2.5)::text AS slept`, {
      answerMs: 30_000,
    });
    expect(await slow).toEqual([{ slept: '' }]);
  } finally {
    await impatient.$disconnect();
  }
});

test('a snapshot sees the database as its first statement did', async () => {
  const count = async (db: Queryable) => {
    const rows = await db.$queryRaw`SELECT FROM organization WHERE name = 'later'`;
    return (rows as unknown[]).length;
  };
  const counts = await database.$transaction(
    async (tx) => {
      const before = await count(tx);
      await database.organization.create({ data: { name: 'later' } });
      return [before, await count(tx)];
    },
    { snapshot: true },
  );
  expect(counts).toEqual([0, 0]);
  expect(await count(database)).toBe(1);
});

test('a statement has the same name in every process, and another text has another', async () => {
  const named = async (statement: Prisma.Sql) => {
    const single = openDatabase(testDatabase.url, 1);
    try {
      await single.$queryRaw(statement);
      const [prepared] = await single.$queryRaw<{ name: string }[]>`
        SELECT name FROM pg_prepared_statements WHERE statement = ${statement.text}`;
      return prepared?.name;
    } finally {
      await single.$disconnect();
    }
  };
  const [one, two] = [Prisma.sql`SELECT ${1}::int AS one`, Prisma.sql`SELECT ${2}::int AS two`];
  expect(await named(one)).toBe(createHash('sha256').update(one.text).digest('base64url'));
  expect(await named(two)).not.toBe(await named(one));
});

const settingsOf = async (db: Queryable) =>
  (
    await db.$queryRaw<Record<string, string>[]>`
      SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
             current_setting('idle_in_transaction_session_timeout') AS idle`
  )[0];

test('what a connection does is bounded at the server, and what a transaction does as it says', async () => {
  expect(await settingsOf(database)).toEqual({ statement: '31s', lock: '2s', idle: '15s' });
  const own = await database.$transaction(settingsOf, { answerMs: 60_000, lockMs: 100 });
  expect(own).toEqual({ statement: '61s', lock: '100ms', idle: '15s' });
  expect(await settingsOf(database)).toEqual({ statement: '31s', lock: '2s', idle: '15s' });
  const [watched] = await database.$queryRaw<unknown[]>`
    SELECT current_setting('idle_session_timeout') AS session, current_setting('client_connection_check_interval') AS peer,
           current_setting('tcp_user_timeout') AS unread`;
  expect(watched).toEqual({ session: '45s', peer: '10s', unread: '30000' });
});

test('what the hive gives up is cancelled at the server', async () => {
  const impatient = openDatabase(testDatabase.url, 1, IMPATIENT_MS);
  let pid: number | undefined;
  const blocked = impatient.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL statement_timeout = 0`; // only the client is left to end it
    [{ pid }] = await tx.$queryRaw<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`;
    await tx.$queryRaw`SELECT pg_sleep(20)::text`;
  });
  await expect(blocked).rejects.toThrow('the database did not answer within 2 s');
  expect(pid).toBeDefined();
  const isGone = async () =>
    (await database.$queryRaw<unknown[]>`SELECT FROM pg_stat_activity WHERE pid = ${pid}`).length === 0;
  await until(isGone, 60_000, 'its backend has ended');
  await impatient.$disconnect();
});

test('whoever waits for a lock gives up soon, and may try again on the same connection', async () => {
  const single = openDatabase(testDatabase.url, 1);
  await database.organization.create({ data: { name: 'locked' } });
  const lock = (db: Database, lockMs?: number) =>
    db.$transaction(
      (tx) => tx.$queryRaw`SELECT pg_backend_pid() AS pid FROM organization WHERE name = 'locked' FOR UPDATE`,
      {
        ...(lockMs !== undefined && { lockMs }),
      },
    );
  const before = await single.$queryRaw`SELECT pg_backend_pid() AS pid`;
  await database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT FROM organization WHERE name = 'locked' FOR UPDATE`;
    const error: unknown = await lock(single, 50).catch((reason: unknown) => reason);
    expect(judgeDatabaseError(error)).toMatchObject({ kind: 'passing', code: '55P03' });
  });
  expect(await lock(single)).toEqual(before);
  await single.$disconnect();
});

testWithPooler.each(['transaction', 'session'] as const)(
  `behind a pooler in %s mode, which refuses the bounds of a connection, transactions are bounded, and what is given up is cancelled${whySkipped}`,
  async (mode) => {
    const pooler = await startPooler(mode, 5);
    const pooled = openDatabase(pooler.url(testDatabase.url), 2, IMPATIENT_MS);
    try {
      expect(await pooled.organization.count()).toBeGreaterThanOrEqual(0);
      expect(await pooled.$transaction(settingsOf)).toEqual({ statement: '3s', lock: '2s', idle: '15s' });
      expect(await settingsOf(pooled)).toEqual({ statement: '0', lock: '0', idle: '0' }); // nobody else's connection is changed
      await expect(pooled.$queryRaw`SELECT pg_sleep(20)::text`).rejects.toThrow('did not answer within 2 s');
      const isCancelled = async () =>
        (
          await database.$queryRaw<unknown[]>`
            SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND state = 'active' AND pid <> pg_backend_pid()`
        ).length === 0;
      await until(isCancelled, 60_000, 'the statement has ended');
    } finally {
      await pooled.$disconnect();
      await pooler.end();
    }
  },
);

test.each([
  ['25006', Prisma.sql`SET default_transaction_read_only = on`, Prisma.sql`CREATE TABLE unwritable (id int)`],
  ['42P05', Prisma.sql`PREPARE twice AS SELECT 1`, Prisma.sql`PREPARE twice AS SELECT 1`],
])('a connection that answers %s is not used again', async (code, disturb, statement) => {
  const single = openDatabase(testDatabase.url, 1);
  const backend = () => single.$queryRaw`SELECT pg_backend_pid() AS pid`;
  const before = await backend();
  await single.$executeRaw(disturb);
  const error: unknown = await single.$executeRaw(statement).catch((reason: unknown) => reason);
  expect(judgeDatabaseError(error)).toMatchObject({ code, kind: 'passing' });
  expect(await backend()).not.toEqual(before);
  await single.$disconnect();
});
