import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/client.js';
import { noteDriver } from './driver.js';

export { Prisma } from './generated/client.js';

/** The hive's database. */
export type Database = PrismaClient;
/** The database or a transaction on it: what a query needs. */
export type Queryable = Omit<Database, '$connect' | '$disconnect' | '$on' | '$use' | '$extends' | '$transaction'>;
/** As {@link Queryable}, for statements that are written out. */
export type RawQueryable = Pick<Queryable, '$queryRaw' | '$executeRaw'>;

/** Opens a pool on the hive's database; connects with the first query. Close with `$disconnect`. */
export function openDatabase(url: string, poolSize = 10): Database {
  const pool = new pg.Pool({ connectionString: url, max: poolSize, keepAlive: true });
  pool.on('error', () => undefined); // an idle connection broke; the next query takes another
  const database = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) });
  noteDriver(database, pool);
  return database;
}
