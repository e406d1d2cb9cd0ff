import { afterAll, afterEach, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { openDatabase } from '../prisma/client.js';
import { tellAllAgain } from '../prisma/queries/feed/tell-all-again.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { forkHive } from '../tests/harness/processes.js';
import { testServices } from '../tests/harness/services.js';
import { until } from '../tests/harness/until.js';
import { startPooler, testWithPooler, whySkipped } from '../tests/harness/with-pooler.js';
import { createLogger } from './logger.js';
import { applyMigrations } from './migrate.js';
import { projectRoot } from './project-root.js';

const logger = createLogger({ logLevel: 'silent', instanceId: 'test' });
const dataDir = mkdtempSync(join(tmpdir(), 'hivesync-migrate-'));
afterAll(() => rmSync(dataDir, { recursive: true }));
let database: TestDatabase | undefined;
afterEach(async () => {
  await database?.drop();
  database = undefined;
  for (const role of roles.splice(0)) await query(testServices().databaseUrl, `DROP ROLE ${role}`);
});

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function applied(url: string): Promise<unknown[]> {
  const rows = await query<{ name: string }>(url, 'SELECT migration_name AS name FROM _prisma_migrations');
  return rows.map(({ name }) => name);
}

const renaming = '20261126140000_one_word_one_meaning';

/** Runs the Prisma CLI, as a developer would. */
function prisma(url: string, ...args: string[]): Promise<{ stdout: string }> {
  const cli = join(dirname(createRequire(import.meta.url).resolve('prisma/package.json')), 'build', 'index.js');
  const env = { ...process.env, DATABASE_URL: url, NODE_OPTIONS: '' };
  return promisify(execFile)(process.execPath, [cli, ...args], { cwd: projectRoot(), env });
}

/** Makes a role for one test. @returns the database's URL as that role */
async function asRole(url: string, name: string): Promise<string> {
  const role = `${name}_${new URL(url).pathname.slice(1)}`;
  await query(
    url,
    `CREATE ROLE ${role} LOGIN PASSWORD 'sesame'; GRANT CONNECT ON DATABASE ${new URL(url).pathname.slice(1)} TO ${role}`,
  );
  roles.push(role);
  const own = new URL(url);
  [own.username, own.password] = [role, 'sesame'];
  return own.href;
}
const roles: string[] = [];

test('several hives that start at once on a missing database create it and migrate it once', async () => {
  database = await createEmptyDatabase();
  const { url } = database;
  await database.drop();
  await Promise.all([1, 2].map(() => applyMigrations(url, logger)));
  const names = await applied(url);
  expect(names).toContain('20261124000000_init');
  expect(new Set(names).size).toBe(names.length);
});

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
});

test('an unreachable server is reported by its address, without the password', async () => {
  await expect(applyMigrations('postgresql://me:sesame@127.0.0.1:1/hive', logger)).rejects.toMatchObject({
    code: 'database_unreachable',
    message:
      "PostgreSQL at 127.0.0.1:1 can't be used: connect ECONNREFUSED 127.0.0.1:1; check DATABASE_URL and that the server runs",
  });
});

test('a role that may create in one schema only, not in the database, migrates', async () => {
  database = await createEmptyDatabase();
  const url = await asRole(database.url, 'limited');
  const role = new URL(url).username;
  await query(database.url, `GRANT CREATE ON SCHEMA public TO ${role}`);
  await applyMigrations(url, logger);
  expect(await applied(url)).toContain(renaming);
  const [right] = await query(url, "SELECT has_database_privilege(current_database(), 'CREATE') AS create");
  expect(right).toEqual({ create: false });
});

test('a role that may only read and write rows starts on a database that is migrated', async () => {
  database = await createTestDatabase();
  const url = await asRole(database.url, 'rows');
  const role = new URL(url).username;
  await query(
    database.url,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role};
     GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
  );
  await applyMigrations(url, logger);
  const db = openDatabase(url, 1);
  try {
    await db.organization.create({ data: { name: 'mine' } });
    expect(await db.organization.count()).toBe(1);
    await tellAllAgain(db); // when the database went back, which must not need more rights
  } finally {
    await db.$disconnect();
  }
});

test('a migration that lacks a right says so, leaves nothing, and succeeds when the right is there', async () => {
  database = await createEmptyDatabase();
  const url = await asRole(database.url, 'powerless');
  await expect(applyMigrations(url, logger)).rejects.toMatchObject({
    code: 'migration_failed',
    message: expect.stringMatching(
      /_init failed and left nothing behind: permission denied for schema public; .*DIRECT_DATABASE_URL/,
    ),
  });
  expect(await query(database.url, "SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace")).toEqual([]);
  await applyMigrations(url, logger, { directUrl: database.url });
  expect(await applied(database.url)).toContain(renaming);
});

test('a migration that meets a locked table gives up, leaves nothing, and succeeds later', async () => {
  database = await createTestDatabase();
  await query(
    database.url,
    `DELETE FROM _prisma_migrations WHERE migration_name = '${renaming}';
     ALTER TABLE attempt_sync RENAME COLUMN paused TO held; ALTER TABLE log_page RENAME COLUMN gzip TO data`,
  );
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query('BEGIN; SELECT FROM log_page');
  await expect(applyMigrations(database.url, logger, { lockMs: 100 })).rejects.toMatchObject({
    message: expect.stringMatching(/lock timeout; another connection has locked a table/),
  });
  await other.end();
  expect(await query(database.url, "SELECT FROM pg_attribute WHERE attname = 'held'")).toHaveLength(1);
  await applyMigrations(database.url, logger);
  expect(await query(database.url, "SELECT FROM pg_attribute WHERE attname = 'held'")).toEqual([]);
});

/** The state that Prisma's commands leave after a migration that failed for its surroundings. */
async function leaveFailedMigration(url: string): Promise<void> {
  await query(
    url,
    `UPDATE _prisma_migrations SET finished_at = NULL, applied_steps_count = 0, logs = 'could not extend file: No space left'
      WHERE migration_name = '${renaming}'`,
  );
}

test("a migration that failed under Prisma's commands is applied, and Prisma agrees afterwards", async () => {
  database = await createTestDatabase();
  await leaveFailedMigration(database.url);
  await query(
    database.url,
    'ALTER TABLE attempt_sync RENAME COLUMN paused TO held; ALTER TABLE log_page RENAME COLUMN gzip TO data',
  );
  await expect(prisma(database.url, 'migrate', 'deploy')).rejects.toMatchObject({
    stderr: expect.stringContaining('P3009'),
  });
  await applyMigrations(database.url, logger);
  expect((await prisma(database.url, 'migrate', 'status')).stdout).toContain('Database schema is up to date');
});

test('if the changes of a failed migration are there after all, the command that says so to Prisma is named', async () => {
  database = await createTestDatabase();
  await leaveFailedMigration(database.url);
  await expect(applyMigrations(database.url, logger)).rejects.toMatchObject({
    message: expect.stringContaining(`npx prisma migrate resolve --applied ${renaming}`),
  });
  await prisma(database.url, 'migrate', 'resolve', '--applied', renaming);
  await applyMigrations(database.url, logger);
});

test('with ?schema=, tables are made in that schema, and statements and models find them there', async () => {
  database = await createTestDatabase();
  await query(
    database.url,
    "INSERT INTO organization (id, name) VALUES (gen_random_uuid(), 'of another installation')",
  );
  const url = `${database.url}?schema=second`;
  await applyMigrations(url, logger);
  const db = openDatabase(url, 2);
  try {
    await db.organization.create({ data: { name: 'mine' } });
    expect(await db.$queryRaw`SELECT name FROM organization`).toEqual([{ name: 'mine' }]);
    expect(await db.organization.findMany({ select: { name: true } })).toEqual([{ name: 'mine' }]);
  } finally {
    await db.$disconnect();
  }
  expect(await query(database.url, 'SELECT name FROM second.organization')).toEqual([{ name: 'mine' }]);
});

testWithPooler(
  `two hives that start together through PgBouncer in transaction mode both come up${whySkipped}`,
  async () => {
    database = await createEmptyDatabase();
    const pooler = await startPooler('transaction', 3);
    const url = pooler.url(database.url);
    const { temporalAddress: TEMPORAL_ADDRESS } = testServices();
    const hives = [1, 2].map((number) =>
      forkHive({ env: { DATABASE_URL: url, TEMPORAL_ADDRESS, HIVE_DATA_DIR: join(dataDir, String(number)) } }),
    );
    try {
      const urls = await Promise.all(hives.map((hive) => hive.url));
      const isReady = async (hive: string) => (await fetch(`${hive}/readyz`)).status === 200;
      for (const hive of urls) await until(() => isReady(hive), 60_000, 'the hive is ready');
      const names = await applied(database.url);
      expect(new Set(names).size).toBe(names.length);
      // the hives' own rounds hold some for a moment; databases of other tests have theirs
      const held = `
        SELECT FROM pg_locks WHERE locktype = 'advisory'
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
      const { url: direct } = database;
      await until(
        async () => (await query(direct, held)).length === 0,
        60_000,
        'nobody holds the lock of the migration',
      );
    } finally {
      await Promise.all(hives.map(({ program: hive }) => hive.kill('SIGKILL')));
      await pooler.end();
    }
  },
);

testWithPooler(
  `a schema that a pooler can't set is refused with the statement that sets it for the role${whySkipped}`,
  async () => {
    database = await createEmptyDatabase();
    const pooler = await startPooler('transaction', 3);
    const name = new URL(database.url).pathname.slice(1);
    const url = `${pooler.url(database.url)}&schema=second`;
    try {
      await applyMigrations(url, logger);
      const db = openDatabase(url, 1);
      await expect(db.$queryRaw`SELECT FROM organization`).rejects.toThrow(
        'ALTER ROLE "hive" SET search_path = "second"',
      );
      await db.$disconnect();

      await query(database.url, `ALTER ROLE hive IN DATABASE ${name} SET search_path = second`);
      // the pooler's connections are from before
      const { url: direct } = database;
      const others = `FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid()`;
      await query(direct, `SELECT pg_terminate_backend(pid) ${others}`);
      await until(async () => (await query(direct, `SELECT ${others}`)).length === 0, 60_000, 'they have ended');
      const again = openDatabase(url, 1);
      await again.organization.create({ data: { name: 'mine' } });
      expect(await again.$queryRaw`SELECT name FROM organization`).toEqual([{ name: 'mine' }]);
      await again.$disconnect();
    } finally {
      await pooler.end();
    }
  },
);
