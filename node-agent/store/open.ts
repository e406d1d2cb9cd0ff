/** Opens the node's store: one SQLite file, shared by several `run` processes and one `connect`. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { messageOf, NodeAgentError } from '../errors.js';
import { MIGRATIONS } from './schema.js';
import { INSERT_NODE, SELECT_DATA_VERSION, SELECT_MACHINE_ID } from './sql.js';

type Row = Record<string, unknown>;

/** The lines of an execution that are not sealed yet. */
export interface Tail {
  /** Lines of the execution when this was noted. */
  logLines: number;
  /** The last line that is sealed. */
  sealed: number;
  /** NDJSON bytes of the lines after it. */
  bytes: number;
}

export class Store {
  readonly #db: Database.Database;
  /** By key of the executions that this process records, so that an append need not read them. */
  readonly tails = new Map<number, Tail>();
  readonly #statements = new Map<string, Database.Statement>();
  readonly #transaction: Database.Transaction<(work: () => unknown) => unknown>;

  constructor(db: Database.Database) {
    this.#db = db;
    this.#transaction = db.transaction((work: () => unknown) => work());
  }

  /** A prepared statement, kept for the next call. */
  prepare<R = Row>(sql: string): Database.Statement<unknown[], R> {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement as Database.Statement<unknown[], R>;
  }

  /** @returns the row of a statement that always has one */
  one<R>(statement: Database.Statement<unknown[], R>, ...parameters: unknown[]): R {
    const row = statement.get(...parameters);
    if (row === undefined) throw new NodeAgentError('store', `the store has no row for: ${statement.source.trim()}`);
    return row;
  }

  /** @returns the only column of the only row of a statement that always has one */
  value(sql: string, ...parameters: unknown[]): unknown {
    return this.one(this.prepare(sql).pluck(), ...parameters);
  }

  /**
   * Runs `work` in one transaction that takes the write lock first, so that another process's write can't make it fail
   * halfway.
   */
  write<T>(work: () => T): T {
    return this.#transaction.immediate(work) as T;
  }

  /** Runs `work` on one snapshot. */
  read<T>(work: () => T): T {
    return this.#transaction.deferred(work) as T;
  }

  /** Changes whenever another connection, in this process or another, has committed. */
  dataVersion(): number {
    return this.value(SELECT_DATA_VERSION) as number;
  }

  /** The UUID of this store, generated once. */
  machineId(): string {
    return this.prepare<{ machine_id: string }>(SELECT_MACHINE_ID).get()?.machine_id ?? this.#createMachineId();
  }

  #createMachineId(): string {
    return this.write(() => {
      this.prepare(INSERT_NODE).run(randomUUID(), new Date().toISOString());
      return this.one(this.prepare<{ machine_id: string }>(SELECT_MACHINE_ID)).machine_id;
    });
  }

  close(): void {
    this.#db.close();
  }
}

export interface OpenOptions {
  /**
   * How long a statement waits for another process's transaction. The recorder's is short, because waiting stops the
   * command's output.
   * @default 5000
   */
  busyTimeoutMs?: number;
}

/**
 * Opens `<dataDir>/node.db`, and creates the directory, the file and the tables if they are missing.
 * @throws NodeAgentError `store`
 */
export function openStore(dataDir: string, { busyTimeoutMs = 5000 }: OpenOptions = {}): Store {
  const path = join(dataDir, 'node.db');
  let db: Database.Database | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    db = new Database(path, { timeout: 5000 });
    db.pragma('journal_mode = WAL');
    // NORMAL survives kill -9 (the operating system keeps what was written). A power cut can lose the last
    // transactions, which leaves an older, consistent store. That is the same as a restored backup, which epoch and
    // revision repair. FULL would add an fsync, and its stalls, to every 100 ms of a command's output.
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    db.pragma('journal_size_limit = 67108864');
    migrate(db);
    const store = new Store(db);
    store.machineId();
    db.pragma(`busy_timeout = ${busyTimeoutMs}`);
    return store;
  } catch (error) {
    db?.close();
    if (error instanceof NodeAgentError) throw error;
    throw new NodeAgentError('store', `cannot open the store ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function migrate(db: Database.Database): void {
  const version = () => db.pragma('user_version', { simple: true }) as number;
  if (version() === MIGRATIONS.length) return;
  db.transaction(() => {
    const from = version(); // again, now that no other process can be migrating
    if (from > MIGRATIONS.length) {
      throw new NodeAgentError('store', `the store was made by a newer node-agent (schema ${from}); upgrade this one`);
    }
    for (const step of MIGRATIONS.slice(from)) db.exec(step);
    db.pragma(`user_version = ${MIGRATIONS.length}`);
  }).immediate();
}
