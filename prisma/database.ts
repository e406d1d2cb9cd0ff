/** The hive's database, as queries see it. */
import type { Prisma, PrismaClient } from './generated/client.js';

export { Prisma } from './generated/client.js';

/** The database or a transaction on it: what a statement needs. Statements go straight to the driver. */
export interface Queryable {
  /** @returns the statement's rows: a bigint column is a BigInt, bytea a Buffer, json a parsed value */
  $queryRaw<Rows = unknown>(statement: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<Rows>;
  /** @returns how many rows the statement changed */
  $executeRaw(statement: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<number>;
}

export interface TransactionOptions {
  /** Maximum duration of the whole transaction in ms; afterwards it is rolled back. @default the database's answerMs */
  answerMs?: number;
  /** How long a statement may wait for a lock in ms; afterwards the transaction is rolled back. @default 2000 */
  lockMs?: number;
  /** Every statement sees the database as the first one did (repeatable read). @default false */
  snapshot?: boolean;
}

/** Operations on one row or a few, which go through Prisma's engine. Each commits by itself. */
export type Models = Omit<PrismaClient, `$${string}` | symbol>;

/** The hive's database. */
export interface Database extends Queryable, Models, Pick<PrismaClient, '$extends' | '$disconnect'> {
  /** Runs `work` in one transaction, which ends with it: committed, or rolled back if it throws. */
  $transaction<T>(work: (tx: Queryable) => Promise<T>, options?: TransactionOptions): Promise<T>;
}
