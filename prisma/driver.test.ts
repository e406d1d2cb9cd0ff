import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { openDatabase } from './client.js';
import { driverOf, driverTransaction } from './driver.js';
import { isTransientDatabaseError } from './errors.js';
import type { Database } from './database.js';

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
  const ask = (db: Pick<Database, '$queryRaw'>) => db.$queryRaw`
    SELECT ${9007199254740993n}::bigint AS large, ${3}::int AS small, ${id}::uuid AS id, ${[id]}::uuid[] AS ids,
           ${'{"a":"\\u0000"}'}::json AS json, '2026-01-01T10:00:00Z'::timestamptz AS time, NULL AS nothing`;
  expect(await ask(driverOf(database))).toEqual(await ask(database));
});

test('counts the rows that a statement changed', async () => {
  expect(
    await driverOf(database).$executeRaw`INSERT INTO organization (id, name) VALUES (gen_random_uuid(), 'a')`,
  ).toBe(1);
  expect(await driverOf(database).$executeRaw`DELETE FROM organization WHERE name = ${'b'}`).toBe(0);
});

test('a connection that the server ended is not used again, one whose statement failed is', async () => {
  const single = openDatabase(testDatabase.url, 1);
  const backend = () => driverOf(single).$queryRaw`SELECT pg_backend_pid() AS pid`;
  try {
    const before = await backend();
    const failing = driverOf(single).$queryRaw`SELECT 1 / ${0}::int`;
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect(await backend()).toEqual(before);
    const ended: unknown = await driverOf(single).$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`.catch(
      (reason: unknown) => reason,
    );
    expect(isTransientDatabaseError(ended)).toBe(true);
    expect(await backend()).not.toEqual(before);
  } finally {
    await single.$disconnect();
  }
});

test('leaves nothing of a transaction that fails', async () => {
  const failing = driverTransaction(database, async (tx) => {
    await tx.$executeRaw`INSERT INTO organization (id, name) VALUES (gen_random_uuid(), 'half')`;
    throw new Error('later');
  });
  await expect(failing).rejects.toThrow('later');
  expect(await database.organization.count({ where: { name: 'half' } })).toBe(0);
});

test('goes on after a connection broke in a transaction', async () => {
  const failing = driverTransaction(database, async (tx) => {
    await tx.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`;
  });
  const error: unknown = await failing.catch((reason: unknown) => reason);
  expect(isTransientDatabaseError(error)).toBe(true);
  expect(await driverOf(database).$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

const UNANSWERED: [string, (db: Database) => Promise<unknown>][] = [
  ['a statement', (db) => driverOf(db).$queryRaw`SELECT pg_sleep(20)::text`],
  ['a transaction', (db) => driverTransaction(db, () => new Promise(() => undefined))],
];

test.each(UNANSWERED)('gives up %s that is not answered, and the connection with it', async (_name, ask) => {
  const impatient = openDatabase(testDatabase.url, 1, 200);
  const backend = () => driverOf(impatient).$queryRaw`SELECT pg_backend_pid() AS pid`;
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

test('is part of a transaction of Prisma’s where it is given one', async () => {
  const failing = database.$transaction(async (tx) => {
    await driverOf(tx).$executeRaw`INSERT INTO organization (id, name) VALUES (gen_random_uuid(), 'undone')`;
    throw new Error('later');
  });
  await expect(failing).rejects.toThrow('later');
  expect(await database.organization.count({ where: { name: 'undone' } })).toBe(0);
});
