/** Opens the node's store: one SQLite file, shared by several `run` processes and one `connect`. */
import { join } from 'node:path';
import { isDamage, NodeAgentError } from '../errors.js';
import { identityFor, keepIdentity } from './identity.js';
import { migrate } from './migrate.js';
import { awaitSetAside, fileIdentity, isSameFile, setAside, type FileIdentity } from './set-aside.js';
import { Database, firstColumn, type Row, type Statement } from './sqlite.js';
import { INSERT_NODE, SELECT_DATA_VERSION, SELECT_MACHINE_ID, SET_MACHINE_ID } from './sql.js';
import { DATABASE_FILE, prepareDirectory } from './store-files.js';
import { storeTrouble } from './store-trouble.js';

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

  /** The UUID of this store: that of the store before it in this directory, otherwise a new one. */
  machineId(): string {
    return this.prepare<{ machine_id: string }>(SELECT_MACHINE_ID).get()?.machine_id ?? this.#createMachineId();
  }

  #createMachineId(): string {
    return this.write(() => {
      this.prepare(INSERT_NODE).run(identityFor(this.dataDir), new Date().toISOString());
      return this.one<{ machine_id: string }>(SELECT_MACHINE_ID).machine_id;
    });
  }

  /**
   * Gives the machine_id of a store that is no longer there to this one, unless a hive knows this one already.
   * @returns the machine_id that the store has now
   */
  takeIdentity(machineId: string): string {
    const identity = this.write(() => {
      const own = this.machineId();
      return this.prepare(SET_MACHINE_ID).run(machineId).changes === 0 ? own : machineId;
    });
    keepIdentity(this.dataDir, identity);
    return identity;
  }

  /** @returns whether the file that is open here was deleted or replaced, so that nobody else sees what is written */
  isReplaced(): boolean {
    return !isSameFile(fileIdentity(this.#db.path), this.#file);
  }

  /**
   * Renames this store, which is too damaged to be written, and puts a new one in its place unless another process has
   * done so. This one is to be closed; the next {@link openStore} opens the new one.
   * @param error what was found; {@link isDamage} is true for it
   * @throws Error if the disk refuses it
   */
  setAside(error: unknown, say: Say = sayOnStderr): void {
    const { dataDir } = this;
    setAside({ dataDir, file: this.#file, error, openNew: () => openDatabase(dataDir), say });
  }

  close(): void {
    this.#db.close();
  }
}

type Say = (sentence: string) => void;

export interface OpenOptions {
  /**
   * How long a statement waits for another process's transaction. The recorder's is short, because it can do other
   * things while it waits.
   * @default 5000
   */
  busyTimeoutMs?: number;
  /**
   * Told, in one sentence, that a damaged store was set aside.
   * @default writes it to stderr
   */
  say?: Say;
  /**
   * How much of the database is kept in memory. Who only appends needs little.
   * @default 16000
   */
  cacheKib?: number;
}

/**
 * Opens `<dataDir>/node.db`, and creates the directory, the file and the tables if they are missing. A damaged store is
 * set aside, and a new one is opened.
 * @throws NodeAgentError `store`
 */
export function openStore(
  dataDir: string,
  { busyTimeoutMs = 5000, say = sayOnStderr, cacheKib = 16_000 }: OpenOptions = {},
): Store {
  const path = join(dataDir, DATABASE_FILE);
  try {
    prepareDirectory(dataDir, () => awaitSetAside(dataDir));
    const file = fileIdentity(path);
    try {
      return openSound(dataDir, busyTimeoutMs, cacheKib);
    } catch (error) {
      if (!isDamage(error)) throw error;
      setAside({ dataDir, file, error, openNew: () => openDatabase(dataDir), say });
      return openSound(dataDir, busyTimeoutMs, cacheKib);
    }
  } catch (error) {
    throw storeTrouble(error, dataDir);
  }
}

function openSound(dataDir: string, busyTimeoutMs: number, cacheKib: number): Store {
  const db = openDatabase(dataDir);
  try {
    const store = new Store(db, dataDir);
    keepIdentity(dataDir, store.machineId());
    db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA cache_size = ${-cacheKib}`);
    return store;
  } catch (error) {
    db.close();
    throw error;
  }
}

function openDatabase(dataDir: string): Database {
  const db = new Database(join(dataDir, DATABASE_FILE));
  try {
    // in a new file only, because it writes: an older store gets it from the VACUUM of its first prune
    if (db.value('PRAGMA page_count') === 0) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    db.exec('PRAGMA journal_mode = WAL');
    // NORMAL survives kill -9 (the operating system keeps what was written). A power cut can lose the last
    // transactions, which leaves an older, consistent store. That is the same as a restored backup, which epoch and
    // revision repair. FULL would add an fsync, and its stalls, to every 100 ms of a command's output.
    db.exec('PRAGMA synchronous = NORMAL');
    db.exec('PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864');
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function sayOnStderr(sentence: string): void {
  process.stderr.write(`node-agent: ${sentence}\n`);
}
