/**
 * Applies a migration in one transaction, which is all there is of it: what fails leaves nothing, and its lock ends
 * with it, also behind a pooler. The history is Prisma's table, so that its commands agree with what was done here.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';

export interface Migration {
  name: string;
  sql: string;
}

export interface MigrationOptions {
  client: pg.ClientBase;
  /** The schema to migrate, made if needed; absent: the first of the role's search_path. */
  schema: string | undefined;
  /** Maximum duration of one migration in ms, including the wait for another hive that migrates. */
  deadlineMs: number;
  /** How long a statement of a migration may wait for a lock, in ms: everyone else waits behind it. */
  lockMs: number;
  /** Called when another hive is migrating. */
  onWait: () => void;
}

/** A migration can't be applied to what is there. */
export class MigrationRefusedError extends Error {
  override readonly name = 'MigrationRefusedError';
  readonly code = 'migration_refused';
}

const LOCK = "hashtext('hivesync migrations')";
/** Prisma's own, which its commands hold for as long as they are connected. */
const PRISMA_LOCK = 72_707_369;
const CURRENT_SCHEMA = '(SELECT oid FROM pg_namespace WHERE nspname = current_schema())';
/** Prisma writes it into a first migration. Even if the schema exists, it takes the right to create some in the database. */
const CREATE_PUBLIC = /^CREATE SCHEMA IF NOT EXISTS "public";$/gm;
const ABANDONED_MS = 60_000;

/** Reads the migrations of a folder, oldest first. */
export function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? entry.name : [],
  );
  return names.sort().map((name) => ({ name, sql: readFileSync(join(folder, name, 'migration.sql'), 'utf8') }));
}

/** @returns SHA-256 in hex, as Prisma keeps it */
export function checksumOf({ sql }: Migration): string {
  return createHash('sha256').update(sql).digest('hex');
}

/** @returns the names of the migrations that the database has */
export function appliedMigrations(options: MigrationOptions): Promise<Set<string>> {
  return inTransaction(options, async () => {
    if (options.schema !== undefined && !(await schemaExists(options.client, options.schema))) return new Set();
    if (!(await hasHistory(options.client))) return new Set();
    const { rows } = await options.client.query<{ name: string }>(
      'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    return new Set(rows.map(({ name }) => name));
  });
}

/**
 * Applies a migration, unless another hive has done so by now.
 * @throws MigrationRefusedError, or the database's error; either leaves the database as it was
 */
export function applyMigration({ name, sql }: Migration, options: MigrationOptions): Promise<void> {
  const { client, schema, lockMs } = options;
  return inTransaction(options, async () => {
    await lock(options);
    if (schema !== undefined && !(await schemaExists(client, schema))) await client.query(`CREATE SCHEMA "${schema}"`);
    if (!(await hasHistory(client))) await createHistory(client);
    const tries = await client.query<{ id: string; isFinished: boolean }>(
      `SELECT id, finished_at IS NOT NULL AS "isFinished" FROM _prisma_migrations
        WHERE migration_name = $1 AND rolled_back_at IS NULL`,
      [name],
    );
    if (tries.rows.some(({ isFinished }) => isFinished)) return;
    const isRetry = tries.rows.length > 0;
    if (isRetry) await takeOver(client, name);
    await client.query(`SET LOCAL lock_timeout = ${lockMs}`);
    await client.query(sql.replace(CREATE_PUBLIC, '')).catch((error: unknown) => {
      throw isRetry && isAlreadyThere(error) ? appliedBefore(name, error) : error;
    });
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), checksumOf({ name, sql }), name],
    );
  });
}

async function inTransaction<T>(options: MigrationOptions, work: () => Promise<T>): Promise<T> {
  const { client, schema, deadlineMs } = options;
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL statement_timeout = ${deadlineMs}`);
    await client.query(`SET LOCAL idle_in_transaction_session_timeout = ${ABANDONED_MS}`);
    if (schema !== undefined) await client.query(`SET LOCAL search_path = "${schema}"`);
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // it fails only with its connection, and so does the transaction
    throw error;
  }
}

async function lock({ client, onWait }: MigrationOptions): Promise<void> {
  const { rows } = await client.query<{ locked: boolean }>(`SELECT pg_try_advisory_xact_lock(${LOCK}) AS locked`);
  if (rows[0]?.locked) return;
  onWait();
  await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
}

async function schemaExists(client: pg.ClientBase, schema: string): Promise<boolean> {
  const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
  return rows.length > 0;
}

/** Not by to_regclass, which answers from a cache that does not have what another hive has made meanwhile. */
async function hasHistory(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM pg_class WHERE relname = '_prisma_migrations' AND relnamespace = ${CURRENT_SCHEMA}`,
  );
  return rows.length > 0;
}

async function createHistory(client: pg.ClientBase): Promise<void> {
  // an extension's tables are no one's data
  const { rows } = await client.query<{ schema: string | null; name: string | null }>(
    `SELECT current_schema() AS schema, min(relname) AS name FROM pg_class
      WHERE relnamespace = ${CURRENT_SCHEMA} AND relkind IN ('r', 'p', 'v', 'm')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')`,
  );
  const { schema = null, name = null } = rows[0] ?? {};
  if (schema === null) throw new MigrationRefusedError("the role's search_path names no schema that exists");
  if (name !== null) {
    throw new MigrationRefusedError(
      `the schema "${schema}" is not empty (P3005): it has "${name}", but no history of migrations; ` +
        'use an empty database, or a schema of its own (?schema=NAME in DATABASE_URL)',
    );
  }
  await client.query(`
    CREATE TABLE _prisma_migrations (
      id varchar(36) PRIMARY KEY NOT NULL,
      checksum varchar(64) NOT NULL,
      finished_at timestamptz,
      migration_name varchar(255) NOT NULL,
      logs text,
      rolled_back_at timestamptz,
      started_at timestamptz NOT NULL DEFAULT now(),
      applied_steps_count integer NOT NULL DEFAULT 0
    )`);
}

/**
 * Marks a try by Prisma that did not end as rolled back. PostgreSQL has undone what it did, unless it died between the
 * last statement and the note that it was done: then the same statements fail now, because what they make is there.
 */
async function takeOver(client: pg.ClientBase, name: string): Promise<void> {
  const { rows } = await client.query<{ locked: boolean }>(
    `SELECT pg_try_advisory_xact_lock(${PRISMA_LOCK}) AS locked`,
  );
  if (!rows[0]?.locked) {
    throw new MigrationRefusedError(
      `another program is applying ${name}, or its lock was left behind at a pooler; if none is running, run: ` +
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = ${PRISMA_LOCK}`,
    );
  }
  await client.query(
    `UPDATE _prisma_migrations SET rolled_back_at = now()
      WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL`,
    [name],
  );
}

/** SQLSTATEs of what exists twice, or has lost its old name. */
const ALREADY_THERE = new Set(['42P06', '42P07', '42701', '42703', '42710', '42P01']);

function isAlreadyThere(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && ALREADY_THERE.has(String(error.code));
}

function appliedBefore(name: string, error: Error): MigrationRefusedError {
  return new MigrationRefusedError(
    `${error.message}: an earlier try has changed the database without a note of it; if the database has all that ` +
      `prisma/migrations/${name} makes, run: npx prisma migrate resolve --applied ${name}`,
    { cause: error },
  );
}
