/**
 * Statements and transactions straight on the driver, each statement prepared once per connection. Prisma's engine
 * takes about 0.5 ms of CPU for a statement (npm run bench), the driver 0.2 ms.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { cancelStatement } from './cancel.js';
import { Prisma, type Database, type Queryable, type TransactionOptions } from './database.js';
import type { BoundedPool } from './pool.js';
import { forConnection } from './pooler.js';

/** How long the database may take to answer a statement, or all of a transaction. */
export const ANSWER_MS = 30_000;

/** The part of a {@link Database} that goes to the driver. */
export function statementsOn(
  pool: BoundedPool,
  answerMs: number,
): Pick<Database, '$queryRaw' | '$executeRaw' | '$transaction'> {
  return {
    ...queriesOn((query) => onConnection(pool, answerMs, (client) => client.query(forConnection(client, query)))),
    $transaction: (work, options = {}) =>
      onConnection(pool, options.answerMs ?? answerMs, async (client) => {
        try {
          await client.query(beginningOf(pool, options));
          const result = await work(queriesOn((query) => client.query(forConnection(client, query))));
          await client.query('COMMIT');
          return result;
        } catch (error) {
          await client.query('ROLLBACK').catch(() => undefined); // it fails only with its connection, whose loss is noticed
          throw error;
        }
      }),
  };
}

function beginningOf(pool: BoundedPool, options: TransactionOptions): string {
  return `BEGIN${options.snapshot ? ' ISOLATION LEVEL REPEATABLE READ' : ''}; ${pool.boundsOf(options)}`;
}

/** The connection may be dead; whether the database did what it was asked is unknown. */
class AnswerTimeoutError extends Error {
  override readonly name = 'AnswerTimeoutError';
  readonly code = 'ETIMEDOUT';
  constructor(ms: number) {
    super(`the database did not answer within ${ms / 1000} s`);
  }
}

/** SQLSTATEs of errors that a statement causes or meets: data, constraints, other transactions, its own bounds. */
const OF_THE_STATEMENT = /^(22|23|40|55P03|57014)/;

/** Other errors are the connection's (the server stops or is read-only, a prepared statement no longer fits), or rare. */
function isConnectionsFault(error: unknown): error is Error {
  if (error instanceof pg.DatabaseError) return !OF_THE_STATEMENT.test(error.code ?? '');
  return error instanceof AnswerTimeoutError;
}

/** Whatever takes longer than `answerMs` is cancelled and abandoned, and its connection with it. */
async function onConnection<T>(
  pool: BoundedPool,
  answerMs: number,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
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
    const release = () => {
      client.off('error', breaks);
      client.release(broken);
    };
    // a backend that waits for a lock would go on after its connection has closed
    if (broken instanceof AnswerTimeoutError) void cancelStatement(client).then(release);
    else release();
  }
}

/** Not by p-timeout, which makes an Error in advance: for every statement, that took 6% of a hive's CPU (bench live). */
async function within<T>(ms: number, running: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AnswerTimeoutError(ms)), ms);
  });
  running.catch(() => undefined); // after that time nobody waits for it
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

function queriesOn(query: (config: pg.QueryConfig) => Promise<pg.QueryResult>): Queryable {
  const run = (statement: TemplateStringsArray | Prisma.Sql, values: unknown[]) => {
    const { text, values: parameters } = 'raw' in statement ? Prisma.sql(statement, ...values) : statement;
    return query({ ...nameOf(text), text, values: parameters, types });
  };
  return {
    $queryRaw: async <Rows>(statement: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) =>
      (await run(statement, values)).rows as Rows,
    $executeRaw: async (statement, ...values) => (await run(statement, values)).rowCount ?? 0,
  };
}

/** The program has few different statements. If it has more than this, the rest is not kept prepared. */
const MAX_PREPARED = 200;
const names = new Map<string, string>();

/** The name comes from the text: behind a pooler, two processes share connections and what is prepared on them. */
function nameOf(text: string): { name?: string } {
  let name = names.get(text);
  if (name === undefined) {
    if (names.size >= MAX_PREPARED) return {};
    name = createHash('sha256').update(text).digest('base64url');
    names.set(text, name);
  }
  return { name };
}

const INT8_OID = 20;
const parsers = new pg.TypeOverrides(pg.types);
parsers.setTypeParser(INT8_OID, BigInt);
const types = { getTypeParser: parsers.getTypeParser.bind(parsers) };
