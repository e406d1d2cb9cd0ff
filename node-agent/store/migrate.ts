/** Brings a store's tables to the version of this program. */
import { NodeAgentError } from '../errors.js';
import { MIGRATIONS } from './schema.js';
import type { Database } from './sqlite.js';

/** What the first step has made. */
const FIRST_TABLES = ['node', 'attempt', 'execution', 'log_line'];

/** @throws NodeAgentError `store` if a newer program made the store, `damaged` if its tables are not a store's */
export function migrate(db: Database): void {
  const version = () => db.value('PRAGMA user_version') as number;
  checkTables(db, version());
  if (version() === MIGRATIONS.length) return;
  db.transaction('immediate', () => {
    const from = version(); // again, now that no other process can be migrating
    if (from > MIGRATIONS.length) {
      throw new NodeAgentError('store', `the store was made by a newer node-agent (schema ${from}); upgrade this one`);
    }
    for (const step of MIGRATIONS.slice(from)) db.exec(step);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

function checkTables(db: Database, version: number): void {
  const names = db.value("SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table'") as string | null;
  const tables = names?.split(',') ?? [];
  const isStore = version === 0 ? tables.length === 0 : FIRST_TABLES.every((name) => tables.includes(name));
  // someone else may be migrating: the version was read before the tables
  if (isStore || (db.value('PRAGMA user_version') as number) !== version) return;
  throw new NodeAgentError('damaged', `its tables are not those of a store (${tables.join(', ') || 'none'})`);
}
