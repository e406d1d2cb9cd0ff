/** Pools of connections to the hive's database. */
import { connectionOptions } from './connection.js';
import { parseConnectionUrl } from './connection-url.js';
import type { Queryable } from './database.js';
import { ANSWER_MS, statementsOn } from './driver.js';
import { BoundedPool } from './pool.js';
import { connectionCheck } from './pooler.js';

/** A hive that has lost its server without a word notices after some 20 s. */
const KEEP_ALIVE_MS = 10_000;

/**
 * @param answerMs the maximum time in ms to wait for a connection, and for the answer to a statement or transaction
 * @returns a pool that has no connection yet: the first statement connects
 */
export function openPool(url: string, poolSize: number, answerMs: number): BoundedPool {
  const pool = new BoundedPool(
    {
      connectionTimeoutMillis: Math.min(answerMs, ANSWER_MS),
      ...connectionOptions(url),
      max: poolSize,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      onConnect: connectionCheck(parseConnectionUrl(url).schema, answerMs),
    },
    { answerMs },
  );
  pool.on('error', () => undefined); // an idle connection broke; the next query takes another
  return pool;
}

/**
 * Opens a database for statements only, which costs a thread less than Prisma's engine. Its connections close when they
 * are idle.
 */
export function openStatements(url: string, poolSize: number): Queryable {
  return statementsOn(openPool(url, poolSize, ANSWER_MS), ANSWER_MS);
}
