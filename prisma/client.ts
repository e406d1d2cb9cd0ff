import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/client.js';

export { Prisma } from './generated/client.js';

/** The hive's database. */
export type Database = PrismaClient;
/** The database or a transaction on it: what a query needs. */
export type Queryable = Omit<Database, '$connect' | '$disconnect' | '$on' | '$use' | '$extends' | '$transaction'>;

/** Opens a pool on the hive's database; connects with the first query. Close with `$disconnect`. */
export function openDatabase(url: string, poolSize = 10): Database {
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: poolSize }) });
}
