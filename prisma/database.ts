/** The hive's database, as queries see it. */
import type { PrismaClient } from './generated/client.js';

export { Prisma } from './generated/client.js';

/** The hive's database. */
export type Database = PrismaClient;
/** The database or a transaction on it: what a query needs. */
export type Queryable = Omit<Database, '$connect' | '$disconnect' | '$on' | '$use' | '$extends' | '$transaction'>;
/** As {@link Queryable}, for statements that are written out. */
export type RawQueryable = Pick<Queryable, '$queryRaw' | '$executeRaw'>;
