import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import type { Pooler, PoolMode } from '../tests/harness/pooler.js';
import { startPooler, describeWithPooler, whySkipped } from '../tests/harness/with-pooler.js';
import { openDatabase } from './client.js';
import { Prisma, type Database } from './database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Statements that each tell which one they are. */
const STATEMENTS = 30;
const statement = (number: number, owner: string) =>
  Prisma.sql`SELECT ${number}::int AS number, ${owner}::text AS owner, ${Prisma.raw(`'${number}'`)} AS text`;

describeWithPooler.each<PoolMode>(['transaction', 'session'])(`behind PgBouncer in %s mode${whySkipped}`, (mode) => {
  let pooler: Pooler;
  let url: string;
  beforeAll(async () => {
    pooler = await startPooler(mode, 8);
    url = pooler.url(database.url);
  });
  afterAll(() => pooler.end());

  test('two programs that share its connections get the rows of their own statements, and no error', async () => {
    const programs = ['one', 'two'].map((owner) => ({ owner, database: openDatabase(url, 4) }));
    const ask = async ({ owner, database: db }: { owner: string; database: Database }, number: number) => {
      const asked = statement(number % STATEMENTS, owner);
      // transactions keep the pooler's connections busy, so that they change hands
      const rows =
        number % 3 === 0
          ? await db.$transaction((tx) => tx.$queryRaw<unknown[]>(asked))
          : await db.$queryRaw<unknown[]>(asked);
      expect(rows).toEqual([{ number: number % STATEMENTS, owner, text: String(number % STATEMENTS) }]);
    };
    try {
      const numbers = Array.from({ length: 300 }, (_, number) => number);
      await Promise.all(programs.flatMap((asking) => numbers.map((number) => ask(asking, number))));
    } finally {
      await Promise.all(programs.map(({ database: db }) => db.$disconnect()));
    }
  });

  test("Prisma's own operations work", async () => {
    const db = openDatabase(url, 4);
    try {
      const names = Array.from({ length: 20 }, (_, number) => `${mode}-${number}`);
      await Promise.all(names.map((name) => db.organization.create({ data: { name } })));
      const found = await db.organization.findMany({ where: { name: { startsWith: mode } } });
      expect(found.map(({ name }) => name).sort()).toEqual(names.sort());
    } finally {
      await db.$disconnect();
    }
  });

  test('a statement is not prepared', async () => {
    const db = openDatabase(url, 1);
    try {
      await db.$queryRaw(statement(0, 'nobody'));
      expect(await db.$queryRaw`SELECT name FROM pg_prepared_statements WHERE name <> ''`).toEqual([]);
    } finally {
      await db.$disconnect();
    }
  });
});

test('on a connection of its own, a statement is prepared', async () => {
  const db = openDatabase(database.url, 1);
  try {
    await db.$queryRaw(statement(0, 'nobody'));
    const prepared = await db.$queryRaw<unknown[]>`SELECT name FROM pg_prepared_statements`;
    expect(prepared).toHaveLength(2);
  } finally {
    await db.$disconnect();
  }
});
