import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createEmptyDatabase, type TestDatabase } from '../tests/harness/database.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cli = join(dirname(createRequire(import.meta.url).resolve('prisma/package.json')), 'build', 'index.js');
const NOT_EMPTY = 2;

/** Runs the Prisma CLI through prisma.config.ts, as a developer would. */
function prisma(databaseUrl: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, DATABASE_URL: databaseUrl, NO_COLOR: '1', NODE_OPTIONS: '' };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [cli, ...args], { cwd: root, env }, (error, stdout, stderr) => {
      const code = error ? error.code : 0;
      if (typeof code === 'number') resolve({ code, output: stdout + stderr });
      else reject(error ?? new Error('prisma did not run'));
    });
  });
}

describe('the schema engine, behind the Prisma CLI', () => {
  let database: TestDatabase;
  let folder: string;

  beforeAll(async () => {
    database = await createEmptyDatabase();
    folder = await mkdtemp(join(tmpdir(), 'hivesync-schema-'));
    const { code, output } = await prisma(database.url, 'migrate', 'deploy');
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('successfully applied') });
  });

  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  test('says that a migrated database is up to date', async () => {
    const { code, output } = await prisma(database.url, 'migrate', 'status');
    expect(output).toContain('Database schema is up to date');
    expect(code).toBe(0);
  });

  test('finds no drift between the migrations and schema.prisma, and leaves no shadow database', async () => {
    const compare = ['migrate', 'diff', '--from-migrations', 'prisma/migrations', '--exit-code'];
    const { code, output } = await prisma(database.url, ...compare, '--to-schema', 'prisma/schema.prisma');
    expect(output).toContain('No difference detected');
    expect(code).toBe(0);
    expect(await rows(database.url, "SELECT datname FROM pg_database WHERE datname LIKE 'prisma_migrate_%'")).toEqual(
      [],
    );
  });

  test('finds a drift', async () => {
    const schema = await readFile(join(root, 'prisma', 'schema.prisma'), 'utf8');
    const drifted = join(folder, 'schema.prisma');
    await writeFile(drifted, schema.replace('model Node {', 'model Node {\n  drift Int?'));
    const compare = ['migrate', 'diff', '--from-config-datasource', '--exit-code', '--to-schema', drifted];
    const { code, output } = await prisma(database.url, ...compare);
    expect(output).toContain('Added column `drift`');
    expect(code).toBe(NOT_EMPTY);
  });

  test('runs the SQL of the migrations that schema.prisma cannot express', async () => {
    const sql = await readFile(join(root, 'prisma', 'migrations', '20261124000000_init', 'migration.sql'), 'utf8');
    const partialIndexes = [...sql.matchAll(/CREATE (?:UNIQUE )?INDEX "(\w+)"[^;]*\bWHERE\b[^;]*;/g)].map(
      ([, name]) => ({ name }),
    );
    const sequences = [...sql.matchAll(/CREATE SEQUENCE "(\w+)"/g)].map(([, name]) => ({ name }));
    expect(partialIndexes).not.toEqual([]);
    expect(
      await rows(database.url, 'SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indpred IS NOT NULL'),
    ).toEqual(expect.arrayContaining(partialIndexes));
    expect(await rows(database.url, "SELECT relname AS name FROM pg_class WHERE relkind = 'S'")).toEqual(
      expect.arrayContaining(sequences),
    );
  });

  test('names a database that is missing, a wrong password and a server that is away', async () => {
    const [missing, password, away] = [new URL(database.url), new URL(database.url), new URL(database.url)];
    missing.pathname = '/nowhere';
    password.password = 'wrong';
    away.port = '1';
    const outputs = await Promise.all([
      prisma(missing.href, 'migrate', 'status'),
      prisma(password.href, 'migrate', 'status'),
      prisma(away.href, 'migrate', 'status'),
    ]);
    expect(outputs.map(({ code }) => code)).toEqual([1, 1, 1]);
    expect(outputs.map(({ output }) => /P1\d{3}/.exec(output)?.[0])).toEqual(['P1003', 'P1000', 'P1001']);
  });
});

async function rows(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
