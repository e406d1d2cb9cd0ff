import { PrismaPg } from '@prisma/adapter-pg';
import { parseConnectionUrl } from './connection-url.js';
import type { Database } from './database.js';
import { ANSWER_MS, statementsOn } from './driver.js';
import { PrismaClient } from './generated/client.js';
import { openPool } from './open-pool.js';

/**
 * Opens a pool of connections to the hive's database; the first query connects. Close it with `$disconnect`.
 * @param answerMs the maximum time in ms to wait for a connection, and for the answer to a statement or transaction
 */
export function openDatabase(url: string, poolSize = 10, answerMs = ANSWER_MS): Database {
  const { schema } = parseConnectionUrl(url);
  const pool = openPool(url, poolSize, answerMs);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, schema === undefined ? {} : { schema }) });
  let ending: Promise<void> | undefined;
  const $disconnect = () => (ending ??= prisma.$disconnect().then(() => pool.end())); // a pool can't be ended twice
  const database = prisma.$extends({ client: { ...statementsOn(pool, answerMs), $disconnect } });
  return database as unknown as Database; // an extended client's models are the same, but TypeScript can't tell
}
