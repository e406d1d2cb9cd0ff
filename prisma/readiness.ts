/** Whether the hive could work with its database now, which is more than that the database answers. */
import pTimeout from 'p-timeout';
import { Prisma, type Database, type Queryable } from './database.js';
import { judgeDatabaseError } from './errors.js';

const ANSWER_MS = 2000;
/** Probes may come often, from several load balancers. */
const REMEMBER_MS = 2000;
/** More than the work_mem that the check gives itself, so that the sort writes a file. */
const SORTED_ROWS = 2000;

const tables = Object.values(Prisma.ModelName).map((model) =>
  model.replaceAll(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase(),
);

/** Checks the database at most every two seconds, however often it is asked. */
export class DatabaseReadiness {
  readonly #database: Database;
  #last: { fault: Promise<string | undefined>; at: number } | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns why the hive can't work with its database, for people; undefined if it can */
  fault(): Promise<string | undefined> {
    const now = performance.now();
    if (!this.#last || now - this.#last.at >= REMEMBER_MS) {
      this.#last = { at: now, fault: findFault(this.#database) };
    }
    return this.#last.fault;
  }
}

async function findFault(database: Database): Promise<string | undefined> {
  const checked = database.$transaction(checkWrites, { answerMs: ANSWER_MS });
  try {
    // a connection may be awaited far longer than the transaction may take
    await pTimeout(checked, { milliseconds: ANSWER_MS + 500 });
    return undefined;
  } catch (error) {
    const verdict = judgeDatabaseError(error);
    return verdict ? `${verdict.meaning} (${verdict.code})` : 'the database did not answer in time';
  }
}

/** Would each table take a write, and has the disk room? Leaves nothing behind, neither rows nor locks. */
async function checkWrites(tx: Queryable): Promise<void> {
  const writes = tables.map((table) => Prisma.raw(`"${table}" AS (DELETE FROM "${table}" WHERE false)`));
  await tx.$executeRaw`WITH ${Prisma.join(writes)} SELECT 1`;
  await tx.$executeRaw`SET LOCAL work_mem = 64`;
  await tx.$queryRaw`
    SELECT count(*) FROM (SELECT md5(n::text) AS text FROM generate_series(1, ${SORTED_ROWS}::int) n ORDER BY text OFFSET 0) AS sorted`;
}
