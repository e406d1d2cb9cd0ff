import { join } from 'node:path';
import type pg from 'pg';
import { connectionOptions, newClient } from '../prisma/connection.js';
import { describeAddress, parseConnectionUrl } from '../prisma/connection-url.js';
import { appliedMigrations, applyMigration, readMigrations, type MigrationOptions } from '../prisma/migration.js';
import { messageOf, systemCode } from './embedded/errors.js';
import type { Logger } from './logger.js';
import { projectRoot } from './project-root.js';

type MigrationErrorCode =
  /** The database can't be reached or refuses the credentials. */
  | 'database_unreachable'
  /** A migration could not be applied. */
  | 'migration_failed';

/** The database could not be brought up to date; the message contains no password. */
export class MigrationError extends Error {
  constructor(
    readonly code: MigrationErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'MigrationError';
  }
}

const DEADLINE_MS = 10 * 60_000;
const LOCK_MS = 30_000;
const CONNECT_MS = 10_000;

const NO_SUCH_DATABASE = '3D000';
const NO_RIGHT = '42501';
const LOCKED = '55P03';
/** The database exists already, or another process created it at the same moment. */
const DUPLICATE_DATABASE = ['42P04', '23505'];

export interface MigrateOptions {
  /** The same database past a pooler, or as a role that may change tables. Its schema is that of the other URL. */
  directUrl?: string | undefined;
  /** How long a migration may wait for a lock that someone has on a table, in ms. @default 30 s */
  lockMs?: number;
  /** The last migration to apply. @default the newest */
  through?: string;
}

/**
 * Applies the migrations in prisma/migrations that the database does not have yet, and creates the database if needed.
 * Several hives may do this at the same time. Needs no more than reading if there is nothing to do.
 * @throws {MigrationError} what was not finished has left nothing, so that the next call tries it again
 */
export async function applyMigrations(
  databaseUrl: string,
  logger: Logger,
  { directUrl = databaseUrl, lockMs = LOCK_MS, through }: MigrateOptions = {},
): Promise<void> {
  const client = await connectOrCreate(directUrl);
  try {
    await migrate(
      {
        client,
        schema: parseConnectionUrl(databaseUrl).schema,
        deadlineMs: DEADLINE_MS,
        lockMs,
        onWait: () => logger.info('another hive is applying migrations; waiting for it'),
      },
      logger,
      through,
    );
  } finally {
    await client.end().catch(() => undefined); // a lost connection has been reported
  }
}

async function migrate(options: MigrationOptions, logger: Logger, through?: string): Promise<void> {
  let applied: Set<string>;
  try {
    applied = await appliedMigrations(options);
  } catch (error) {
    throw failed('the history of migrations (table _prisma_migrations) could not be read', error);
  }
  const pending = readMigrations(join(projectRoot(), 'prisma', 'migrations')).filter(
    ({ name }) => !applied.has(name) && (through === undefined || name <= through),
  );
  if (pending.length === 0) return;
  logger.info({ pending: pending.map(({ name }) => name) }, 'applying database migrations');
  for (const migration of pending) {
    await applyMigration(migration, options).catch((error: unknown) => {
      throw failed(`the database migration ${migration.name} failed and left nothing behind`, error);
    });
  }
}

function failed(what: string, error: unknown): MigrationError {
  return new MigrationError('migration_failed', `${what}: ${messageOf(error)}${wayOn(systemCode(error))}`, {
    cause: error,
  });
}

function wayOn(code: string | undefined): string {
  if (code === NO_RIGHT) {
    return (
      '; run hive migrate once as a role that may change the tables (DIRECT_DATABASE_URL), and give the role of ' +
      'DATABASE_URL its rights (docs/operations.md)'
    );
  }
  return code === LOCKED ? '; another connection has locked a table: end it, then try again' : '';
}

async function connectOrCreate(databaseUrl: string): Promise<pg.Client> {
  try {
    return await connect(databaseUrl);
  } catch (error) {
    if (systemCode(error) !== NO_SUCH_DATABASE) throw unreachable(databaseUrl, error);
  }
  try {
    await createDatabase(databaseUrl);
    return await connect(databaseUrl);
  } catch (error) {
    throw unreachable(databaseUrl, error);
  }
}

async function connect(databaseUrl: string, database?: string): Promise<pg.Client> {
  const given = connectionOptions(databaseUrl);
  const client = newClient({
    connectionTimeoutMillis: CONNECT_MS,
    ...given,
    ...(database !== undefined && { database }),
  });
  client.on('error', () => undefined); // the statement that it breaks reports it
  await client.connect();
  return client;
}

async function createDatabase(databaseUrl: string): Promise<void> {
  const { database } = parseConnectionUrl(databaseUrl);
  const client = await connect(databaseUrl, 'postgres');
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } catch (error) {
    if (!DUPLICATE_DATABASE.includes(systemCode(error) ?? '')) throw error;
  } finally {
    await client.end();
  }
}

function unreachable(databaseUrl: string, error: unknown): MigrationError {
  const { host, port } = connectionOptions(databaseUrl);
  const why = withoutSecrets(messageOf(error), databaseUrl);
  return new MigrationError(
    'database_unreachable',
    `PostgreSQL at ${describeAddress({ host, port })} can't be used: ${why}; check DATABASE_URL and that the server runs`,
    { cause: error },
  );
}

function withoutSecrets(text: string, databaseUrl: string): string {
  const { password = '' } = parseConnectionUrl(databaseUrl);
  const secrets = [databaseUrl, encodeURIComponent(password), password].filter((secret) => secret !== '');
  return secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, '[redacted]'), text);
}
