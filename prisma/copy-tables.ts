/**
 * Whole tables, out of a database and into another one, by COPY in PostgreSQL's binary format: for the types that the
 * schema has, it is the same on every machine and in every version since 8.0.
 */
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from, to } from 'pg-copy-streams';
import { connectionOptions, newClient } from './connection.js';
import { SEQUENCE_GAP } from './sequence-gap.js';

export interface TableShape {
  name: string;
  columns: string[];
}

export interface SequenceState {
  name: string;
  /** A decimal number: it can be larger than a JavaScript number. */
  lastValue: string;
}

export interface MigrationRecord {
  name: string;
  /** SHA-256 of its SQL, in hex. */
  checksum: string;
}

const HISTORY = '_prisma_migrations';
const CURRENT_SCHEMA = '(SELECT oid FROM pg_namespace WHERE nspname = current_schema())';

/**
 * Begins a transaction that sees the database as it is now, as long as it lasts.
 * @param schema of the tables; absent: the first of the role's search_path
 */
export async function beginSnapshot(client: pg.ClientBase, schema: string | undefined): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await prepare(client, schema);
}

/** Begins the transaction that fills a database. */
export async function beginCopyIn(client: pg.ClientBase, schema: string | undefined): Promise<void> {
  await client.query('BEGIN');
  await prepare(client, schema);
}

async function prepare(client: pg.ClientBase, schema: string | undefined): Promise<void> {
  const bounds = ['statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout'];
  const { rows } = await client.query<{ name: string }>('SELECT name FROM pg_settings WHERE name = ANY($1)', [bounds]);
  for (const { name } of rows) await client.query(`SET LOCAL ${name} = 0`); // a large database takes its time
  if (schema !== undefined) await client.query(`SET LOCAL search_path = ${client.escapeIdentifier(schema)}`);
}

/** @returns the tables of the schema, each behind those that it refers to; without the history of migrations */
export async function listTables(client: pg.ClientBase): Promise<TableShape[]> {
  const { rows } = await client.query<TableShape & { refersTo: string[] }>(
    `SELECT relname AS name,
            ARRAY(SELECT attname::text FROM pg_attribute
                   WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
                   ORDER BY attnum) AS columns,
            ARRAY(SELECT (SELECT relname::text FROM pg_class AS other WHERE other.oid = confrelid) FROM pg_constraint
                   WHERE contype = 'f' AND conrelid = pg_class.oid AND confrelid <> conrelid) AS "refersTo"
       FROM pg_class
      WHERE relkind = 'r' AND relnamespace = ${CURRENT_SCHEMA} AND relname <> '${HISTORY}'
        AND NOT EXISTS (SELECT FROM pg_depend
                         WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
      ORDER BY relname`,
  );
  const ordered: TableShape[] = [];
  const waiting = new Map(rows.map((row) => [row.name, row]));
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ refersTo }) => !refersTo.some((name) => waiting.has(name)));
    if (ready.length === 0)
      throw new Error(`tables refer to each other in a circle: ${[...waiting.keys()].join(', ')}`);
    for (const { name, columns } of ready) {
      ordered.push({ name, columns });
      waiting.delete(name);
    }
  }
  return ordered;
}

/** Sequences stand outside of transactions: read them after the snapshot, and they are not behind its rows. */
export async function listSequences(client: pg.ClientBase): Promise<SequenceState[]> {
  const { rows } = await client.query<SequenceState>(
    `SELECT sequencename AS name, coalesce(last_value, 0)::text AS "lastValue" FROM pg_sequences
      WHERE schemaname = current_schema() ORDER BY sequencename`,
  );
  return rows;
}

/** @returns the applied migrations, oldest first; none if the database has no history of migrations */
export async function listMigrations(client: pg.ClientBase): Promise<MigrationRecord[]> {
  const found = await client.query(
    `SELECT FROM pg_class WHERE relname = '${HISTORY}' AND relnamespace = ${CURRENT_SCHEMA}`,
  );
  if (found.rowCount === 0) return [];
  const { rows } = await client.query<MigrationRecord>(
    `SELECT migration_name AS name, checksum FROM ${HISTORY}
      WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return rows;
}

/** @returns the installation's name in Temporal; null if no hive has run on the database */
export async function installationName(client: pg.ClientBase): Promise<string | null> {
  const { rows } = await client.query<{ name: string }>('SELECT name_in_use AS name FROM installation');
  return rows[0]?.name ?? null;
}

/** @returns what is in the schema already: the names of tables that have rows, or that are not the hive's */
export async function listContent(client: pg.ClientBase): Promise<string[]> {
  const isMigrated = (await listMigrations(client)).length > 0;
  const filled: string[] = [];
  for (const { name } of await listTables(client)) {
    const { rows } = await client.query(`SELECT FROM ${client.escapeIdentifier(name)} LIMIT 1`);
    if (!isMigrated || rows.length > 0) filled.push(name);
  }
  return filled;
}

/**
 * Hands the rows of a table on, piece by piece.
 * @returns how many rows there were
 */
export async function copyOut(
  client: pg.ClientBase,
  table: TableShape,
  take: (bytes: Buffer) => Promise<void>,
): Promise<number> {
  const rows = client.query(to(`COPY ${nameOf(client, table)} TO STDOUT (FORMAT binary)`));
  for await (const bytes of rows) await take(bytes as Buffer);
  await client.query('SELECT'); // the count comes behind the last row
  return rows.rowCount;
}

/** @returns how many rows were stored */
export async function copyIn(client: pg.ClientBase, table: TableShape, pieces: AsyncIterable<Buffer>): Promise<number> {
  const rows = client.query(from(`COPY ${nameOf(client, table)} FROM STDIN (FORMAT binary)`));
  await pipeline(pieces, rows);
  return rows.rowCount;
}

/**
 * Empties tables that are about to be filled. With `wal_level=minimal`, PostgreSQL then writes no log of what comes into
 * them in the same transaction.
 */
export async function emptyTables(client: pg.ClientBase, tables: readonly TableShape[]): Promise<void> {
  await client.query(`TRUNCATE ${tables.map(({ name }) => client.escapeIdentifier(name)).join(', ')}`);
}

/**
 * Turns off what the tables' triggers do for each new row, which would be done twice: a backup has what they wrote.
 * @returns a function that turns it on again, in the same transaction
 */
export async function silenceTriggers(
  client: pg.ClientBase,
  tables: readonly TableShape[],
): Promise<() => Promise<void>> {
  const set = async (how: 'DISABLE' | 'ENABLE') => {
    for (const { name } of tables) {
      await client.query(`ALTER TABLE ${client.escapeIdentifier(name)} ${how} TRIGGER USER`);
    }
  };
  await set('DISABLE');
  return () => set('ENABLE');
}

/** Has every attempt told again in the feed: its readers know of positions that the backup does not have. */
export async function tellAttemptsAgain(client: pg.ClientBase, tables: readonly TableShape[]): Promise<void> {
  if (!tables.some(({ name }) => name === 'attempt_touched')) return; // the migration that makes it does so
  await client.query('INSERT INTO attempt_touched (attempt_id) SELECT id FROM attempt ORDER BY arrival');
}

export async function advanceSequences(client: pg.ClientBase, sequences: readonly SequenceState[]): Promise<void> {
  for (const { name, lastValue } of sequences) {
    const next = (BigInt(lastValue) + SEQUENCE_GAP).toString();
    await client.query('SELECT setval($1::regclass, $2::bigint)', [client.escapeIdentifier(name), next]);
  }
}

function nameOf(client: pg.ClientBase, { name, columns }: TableShape): string {
  return `${client.escapeIdentifier(name)} (${columns.map((column) => client.escapeIdentifier(column)).join(', ')})`;
}

/**
 * Opens one connection for `work`, and ends it.
 * @param signal breaks the connection, and so the work
 */
export async function withConnection<T>(
  url: string,
  signal: AbortSignal,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = newClient(connectionOptions(url));
  client.on('error', () => undefined); // the statement that it breaks reports it
  const end = () => void client.end().catch(() => undefined);
  signal.throwIfAborted();
  signal.addEventListener('abort', end);
  try {
    await client.connect();
    return await work(client);
  } finally {
    signal.removeEventListener('abort', end);
    await client.end().catch(() => undefined); // a lost connection has been reported
  }
}

/** Lets PostgreSQL look at the new rows, so that the first queries are planned well. */
export async function analyze(
  client: pg.ClientBase,
  tables: readonly TableShape[],
  schema: string | undefined,
): Promise<void> {
  const prefix = schema === undefined ? '' : `${client.escapeIdentifier(schema)}.`;
  await client.query(`ANALYZE ${tables.map(({ name }) => prefix + client.escapeIdentifier(name)).join(', ')}`);
}
