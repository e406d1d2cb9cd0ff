import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import type { Database } from './database.js';
import { PrismaClient } from './generated/client.js';
import { ANSWER_MS, noteDriver } from './driver.js';

/**
 * Opens a pool on the hive's database; connects with the first query. Close with `$disconnect`.
 * @param answerMs so long a connection is waited for, and an answer where the statement goes straight to the driver
 */
export function openDatabase(url: string, poolSize = 10, answerMs = ANSWER_MS): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    keepAlive: true,
    connectionTimeoutMillis: answerMs,
  });
  pool.on('error', () => undefined); // an idle connection broke; the next query takes another
  const database = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) });
  noteDriver(database, { pool, answerMs });
  return database;
}
