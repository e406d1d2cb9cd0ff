/**
 * Statements straight to the driver, prepared once a connection: for those that run for every page, attempt or request.
 * Prisma's engine takes some 0.5 ms of CPU for each (npm run bench), the driver 0.2 ms. Rows are as Prisma's: a bigint
 * is a BigInt. The pool is Prisma's own.
 */
import pg from 'pg';
import { Prisma } from './generated/client.js';
import type { Database, RawQueryable } from './database.js';

/** What the database is given to answer a statement, or all of a transaction. */
export const ANSWER_MS = 30_000;

interface Driver {
  pool: pg.Pool;
  /** What is not answered for so long is given up, and its connection with it. */
  answerMs: number;
}

const drivers = new WeakMap<object, Driver>();

/** Says which pool a database is on. */
export function noteDriver(database: Database, driver: Driver): void {
  drivers.set(database, driver);
}

/** The database's driver; a transaction of Prisma's stays itself. */
export function driverOf(db: RawQueryable): RawQueryable {
  const driver = drivers.get(db);
  return driver ? queriesOn((query) => onConnection(driver, (client) => client.query(query))) : db;
}

/** Runs `work` in one transaction, straight on the driver. */
export async function driverTransaction<T>(db: Database, work: (tx: RawQueryable) => Promise<T>): Promise<T> {
  const driver = drivers.get(db);
  if (!driver) return db.$transaction(work, { maxWait: 15_000, timeout: ANSWER_MS });
  return onConnection(driver, async (client) => {
    try {
      await client.query('BEGIN');
      const result = await work(queriesOn((query) => client.query(query)));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined); // it fails only with its connection, whose loss is noted
      throw error;
    }
  });
}

/** Its connection may have died without a word; whether what was asked has happened is not known. */
class AnswerTimeoutError extends Error {
  override readonly name = 'AnswerTimeoutError';
  readonly code = 'ETIMEDOUT';
}

/** SQLSTATE classes of what a statement says or meets: data, constraints, other transactions. */
const OF_THE_STATEMENT = /^(22|23|40)/;

/** Other errors are the connection's (the server stops, what is prepared no longer fits), or rare. */
function isConnectionsFault(error: unknown): error is Error {
  if (error instanceof pg.DatabaseError) return !OF_THE_STATEMENT.test(error.code ?? '');
  return error instanceof AnswerTimeoutError;
}

async function onConnection<T>({ pool, answerMs }: Driver, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const breaks = (error: Error) => (broken ??= error);
  client.on('error', breaks);
  try {
    return await within(answerMs, work(client));
  } catch (error) {
    if (isConnectionsFault(error)) breaks(error);
    throw error;
  } finally {
    client.off('error', breaks);
    client.release(broken);
  }
}

async function within<T>(ms: number, running: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AnswerTimeoutError(`the database did not answer within ${ms / 1000} s`)), ms);
  });
  running.catch(() => undefined); // after that time nobody waits for it
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

function queriesOn(query: (config: pg.QueryConfig) => Promise<pg.QueryResult>): RawQueryable {
  const run = (statement: TemplateStringsArray | Prisma.Sql, values: unknown[]) => {
    const { text, values: parameters } = 'raw' in statement ? Prisma.sql(statement, ...values) : statement;
    return query({ ...nameOf(text), text, values: parameters, types });
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
