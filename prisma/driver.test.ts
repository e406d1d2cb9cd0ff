import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { until } from '../tests/harness/until.js';
import { openDatabase } from './client.js';
import { isTransientDatabaseError } from './errors.js';
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
    2000,
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

const UNANSWERED: [string, (db: Database) => Promise<unknown>][] = [
  ['a statement', (db) => db.$queryRaw`SELECT pg_sleep(20)::text`],
  ['a transaction', (db) => db.$transaction(() => new Promise(() => undefined))],
];

test.each(UNANSWERED)('gives up %s that is not answered, and the connection with it', async (_name, ask) => {
  const impatient = openDatabase(testDatabase.url, 1, 200);
  const backend = () => impatient.$queryRaw`SELECT pg_backend_pid() AS pid`;
  try {
    const before = await backend();
    const error: unknown = await ask(impatient).catch((reason: unknown) => reason);
    expect(String(error)).toMatch('the database did not answer within 0.2 s');
    expect(isTransientDatabaseError(error)).toBe(true);
    expect(await backend()).not.toEqual(before);
  } finally {
    await impatient.$disconnect();
  }
});

test('a transaction may take longer than a statement, if it says so', async () => {
  const impatient = openDatabase(testDatabase.url, 1, 200);
  try {
    const slow = impatient.$transaction((tx) => tx.$queryRaw`SELECT pg_sleep(0.5)::text AS slept`, { answerMs: 5000 });
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
