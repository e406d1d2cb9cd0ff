/**
 * Statements straight to the driver, prepared once a connection: for those that run for every page, attempt or request.
 * Prisma's engine takes some 0.5 ms of CPU for each (npm run bench), the driver 0.2 ms. Rows are as Prisma's: a bigint
 * is a BigInt. The pool is Prisma's own.
 */
import pg from 'pg';
import { Prisma } from './generated/client.js';
import type { Database, RawQueryable } from './client.js';

const pools = new WeakMap<object, pg.Pool>();

/** Says which pool a database is on. */
export function noteDriver(database: Database, pool: pg.Pool): void {
  pools.set(database, pool);
}

/** The database's driver; a transaction of Prisma's stays itself. */
export function driverOf(db: RawQueryable): RawQueryable {
  const pool = pools.get(db);
  return pool ? queriesOn(pool, QUERY_TIMEOUT_MS) : db;
}

/** A statement that is not answered for so long is given up: its connection may have died without a word. */
const QUERY_TIMEOUT_MS = 30_000;
/** A transaction that does not answer for so long is given up, and its connection with it. */
const TRANSACTION_TIMEOUT_MS = 30_000;

/** Runs `work` in one transaction, straight on the driver. */
export async function driverTransaction<T>(db: Database, work: (tx: RawQueryable) => Promise<T>): Promise<T> {
  const pool = pools.get(db);
  if (!pool) return db.$transaction(work, { maxWait: 15_000, timeout: TRANSACTION_TIMEOUT_MS });
  const client = await pool.connect();
  let broken: Error | undefined;
  const breaks = (error: Error) => (broken ??= error);
  client.on('error', breaks);
  try {
    return await withDeadline(async () => {
      await client.query('BEGIN');
      const result = await work(queriesOn(client));
      await client.query('COMMIT');
      return result;
    });
  } catch (error) {
    if (error instanceof TransactionTimeoutError) broken ??= error;
    else await client.query('ROLLBACK').catch(breaks);
    throw error;
  } finally {
    client.off('error', breaks);
    client.release(broken);
  }
}

class TransactionTimeoutError extends Error {
  override readonly name = 'TransactionTimeoutError';
  /** SQLSTATE query_canceled, a passing fault. */
  readonly code = '57014';
}

async function withDeadline<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `the database did not answer within ${TRANSACTION_TIMEOUT_MS / 1000} s`;
    timer = setTimeout(() => reject(new TransactionTimeoutError(message)), TRANSACTION_TIMEOUT_MS);
  });
  const running = work();
  running.catch(() => undefined); // after the deadline nobody waits for it
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

function queriesOn(connection: pg.Pool | pg.PoolClient, timeoutMs?: number): RawQueryable {
  const run = (statement: TemplateStringsArray | Prisma.Sql, values: unknown[]) => {
    const { text, values: parameters } = 'raw' in statement ? Prisma.sql(statement, ...values) : statement;
    const timeout = timeoutMs === undefined ? {} : { query_timeout: timeoutMs };
    return connection.query({ ...nameOf(text), text, values: parameters, types, ...timeout });
  };
  const queries = {
    $queryRaw: async (statement: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) =>
      (await run(statement, values)).rows as unknown[],
    $executeRaw: async (statement: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) =>
      (await run(statement, values)).rowCount ?? 0,
  };
  return queries as unknown as RawQueryable;
}

/** A statement's text is one of the program's: few enough to be kept prepared. More than that are not. */
const MAX_PREPARED = 200;
const names = new Map<string, string>();

function nameOf(text: string): { name?: string } {
  let name = names.get(text);
  if (name === undefined) {
    if (names.size >= MAX_PREPARED) return {};
    name = `s${names.size}`;
    names.set(text, name);
  }
  return { name };
}

const INT8_OID = 20;
const parsers = new pg.TypeOverrides(pg.types);
parsers.setTypeParser(INT8_OID, BigInt);
const types = { getTypeParser: parsers.getTypeParser.bind(parsers) };
