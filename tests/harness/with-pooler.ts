/** Tests with a PgBouncer, which are skipped with the reason where there is none. */
import { describe, test } from '@jest/globals';
import { findPgBouncer } from './pgbouncer.js';
import { Pooler, type PoolMode } from './pooler.js';
import { testServices } from './services.js';

const program = await findPgBouncer();
const isThere = typeof program !== 'string';

export const testWithPooler = isThere ? test : test.skip;
export const describeWithPooler = isThere ? describe : describe.skip;
/** The end of a test's name. */
export const whySkipped = isThere ? '' : ` (skipped: ${program})`;

/** Starts a PgBouncer in front of the run's PostgreSQL. */
export function startPooler(mode: PoolMode, poolSize: number): Promise<Pooler> {
  if (!isThere) throw new Error(program);
  return Pooler.start({ program, serverUrl: testServices().databaseUrl, mode, poolSize });
}
