import { PrismaPg } from '@prisma/adapter-pg';
import { connectionOptions } from './connection.js';
import { parseConnectionUrl } from './connection-url.js';
import type { Database } from './database.js';
import { PrismaClient } from './generated/client.js';
import { ANSWER_MS, statementsOn } from './driver.js';
import { BoundedPool } from './pool.js';
import { connectionCheck } from './pooler.js';

/** A hive that has lost its server without a word notices after some 20 s. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Opens a pool of connections to the hive's database; the first query connects. Close it with `$disconnect`.
 * @param answerMs the maximum time in ms to wait for a connection, and for the answer to a statement or transaction
 */
export function openDatabase(url: string, poolSize = 10, answerMs = ANSWER_MS): Database {
  const { schema } = parseConnectionUrl(url);
  const pool = new BoundedPool(
    {
      connectionTimeoutMillis: Math.min(answerMs, ANSWER_MS),
      ...connectionOptions(url),
      max: poolSize,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      onConnect: connectionCheck(schema, answerMs),
    },
    { answerMs },
  );
  pool.on('error', () => undefined); // an idle connection broke; the next query takes another
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, schema === undefined ? {} : { schema }) });
  let ending: Promise<void> | undefined;
  const $disconnect = () => (ending ??= prisma.$disconnect().then(() => pool.end())); // a pool can't be ended twice
  const database = prisma.$extends({ client: { ...statementsOn(pool, answerMs), $disconnect } });
  return database as unknown as Database; // an extended client's models are the same, but TypeScript can't tell
}
