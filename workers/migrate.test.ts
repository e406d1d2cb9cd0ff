import { afterEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { createLogger } from './logger.js';
import { applyMigrations } from './migrate.js';

const logger = createLogger({ logLevel: 'silent', instanceId: 'test' });
let database: TestDatabase | undefined;
afterEach(async () => {
  await database?.drop();
  database = undefined;
});

async function applied(url: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>('SELECT migration_name AS name FROM _prisma_migrations');
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

test('several hives that start at once on a missing database create it and migrate it once', async () => {
  database = await createEmptyDatabase();
  const { url } = database;
  await database.drop();
  await Promise.all([1, 2].map(() => applyMigrations(url, logger)));
  const names = await applied(url);
  expect(names).toContain('20261124000000_init');
  expect(new Set(names).size).toBe(names.length);
}, 40_000);

test('a database that is up to date is left alone', async () => {
  database = await createTestDatabase();
  const lines: string[] = [];
  await applyMigrations(
    database.url,
    createLogger({ logLevel: 'info', instanceId: 'test' }, { write: (line) => lines.push(line) }),
  );
  expect(lines).toEqual([]);
});

test('a database that refuses a migration is reported with the reason, without the password', async () => {
  database = await createEmptyDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('CREATE TABLE node (id int)');
  await client.end();
  const failure = expect(applyMigrations(database.url, logger)).rejects;
  await failure.toMatchObject({ code: 'migration_failed', message: expect.stringContaining('P3005') });
  await failure.not.toMatchObject({ message: expect.stringContaining(new URL(database.url).password) });
}, 20_000);

test('an unreachable server is reported by its address, without the password', async () => {
  await expect(applyMigrations('postgresql://me:sesame@127.0.0.1:1/hive', logger)).rejects.toMatchObject({
    code: 'database_unreachable',
    message:
      "PostgreSQL at 127.0.0.1:1 can't be used: connect ECONNREFUSED 127.0.0.1:1; check DATABASE_URL and that the server runs",
  });
});
