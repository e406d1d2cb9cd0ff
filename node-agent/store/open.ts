/** Opens the node's store: one SQLite file, shared by several `run` processes and one `connect`. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, NodeAgentError } from '../errors.js';
import { RECORDERS_DIRECTORY } from './recorder-lock.js';
import { MIGRATIONS } from './schema.js';
import { Database, firstColumn, type Row, type Statement } from './sqlite.js';
import { INSERT_NODE, SELECT_DATA_VERSION, SELECT_MACHINE_ID, SET_MACHINE_ID } from './sql.js';

export class Store {
  readonly #db: Database;
  /** The directory that the store is in. */
  readonly dataDir: string;
  readonly #file: FileIdentity | undefined;
  readonly #statements = new Map<string, Statement<unknown>>();

  constructor(db: Database, dataDir: string) {
    this.#db = db;
    this.dataDir = dataDir;
    this.#file = fileIdentity(db.path);
  }

  /** A prepared statement, kept for the next call. */
  prepare<R = Row>(sql: string): Statement<R> {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement as Statement<R>;
  }

  /** @returns the row of a statement that always has one */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- names the row, as prepare's does
  one<R = Row>(sql: string, ...parameters: unknown[]): R {
    const row = this.prepare<R>(sql).get(...parameters);
    if (row === undefined) throw new NodeAgentError('store', `the store has no row for: ${sql.trim()}`);
    return row;
  }

  /** @returns the only column of the only row of a statement that always has one */
  value(sql: string, ...parameters: unknown[]): unknown {
    return firstColumn(this.one(sql, ...parameters));
  }

  /**
   * Runs `work` in one transaction that takes the write lock first, so that another process's write can't make it fail
   * halfway.
   */
  write<T>(work: () => T): T {
    return this.#db.transaction('immediate', work);
  }

  /** Runs `work` on one snapshot. */
  read<T>(work: () => T): T {
    return this.#db.transaction('deferred', work);
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
      return this.one<{ machine_id: string }>(SELECT_MACHINE_ID).machine_id;
    });
  }

  /**
   * Gives the machine_id of a store that is no longer there to this one, unless a hive knows this one already.
   * @returns the machine_id that the store has now
   */
  takeIdentity(machineId: string): string {
    return this.write(() => {
      const own = this.machineId();
      return this.prepare(SET_MACHINE_ID).run(machineId).changes === 0 ? own : machineId;
    });
  }

  /** @returns whether the file that is open here was deleted or replaced, so that nobody else sees what is written */
  isReplaced(): boolean {
    const now = fileIdentity(this.#db.path);
    return now?.inode !== this.#file?.inode || now?.device !== this.#file?.device;
  }

  close(): void {
    this.#db.close();
  }
}

interface FileIdentity {
  device: bigint;
  inode: bigint;
}

/** @returns undefined if there is no such file */
function fileIdentity(path: string): FileIdentity | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && { device: found.dev, inode: found.ino };
}

export interface OpenOptions {
  /**
   * How long a statement waits for another process's transaction. The recorder's is short, because it can do other
   * things while it waits.
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
  let db: Database | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    hideFromGit(dataDir);
    db = new Database(path);
    db.exec('PRAGMA journal_mode = WAL');
    // NORMAL survives kill -9 (the operating system keeps what was written). A power cut can lose the last
    // transactions, which leaves an older, consistent store. That is the same as a restored backup, which epoch and
    // revision repair. FULL would add an fsync, and its stalls, to every 100 ms of a command's output.
    db.exec('PRAGMA synchronous = NORMAL');
    db.exec('PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16000');
    migrate(db);
    const store = new Store(db, dataDir);
    store.machineId();
    db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    return store;
  } catch (error) {
    db?.close();
    if (error instanceof NodeAgentError) throw error;
    throw new NodeAgentError('store', `cannot open the store ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Keeps `git add -A` from staging a store inside a working tree, if the directory contains nothing but the store. */
function hideFromGit(dataDir: string): void {
  const entries = readdirSync(dataDir);
  if (!entries.every((name) => name.startsWith('node.db') || name === RECORDERS_DIRECTORY)) return;
  try {
    writeFileSync(join(dataDir, '.gitignore'), '*\n', { flag: 'wx' });
  } catch {
    // a full or read-only disk: recording, or saying why it is not possible, matters more
  }
}

function migrate(db: Database): void {
  const version = () => db.value('PRAGMA user_version') as number;
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
