/** The one door to SQLite: opens database files, and says what is wrong where its native module cannot be loaded. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { DatabaseSync, DatabaseSyncInstance } from '@photostructure/sqlite';
import { messageOf, NodeAgentError } from '../errors.js';

export type Row = Record<string, unknown>;

/** A prepared statement. Blobs are read as Uint8Array ({@link bufferOf}), integers as numbers. */
export interface Statement<R = Row> {
  get(...parameters: unknown[]): R | undefined;
  all(...parameters: unknown[]): R[];
  iterate(...parameters: unknown[]): IterableIterator<R>;
  run(...parameters: unknown[]): { changes: number; lastInsertRowid: number | bigint };
}

export interface DatabaseOptions {
  /**
   * How long a statement waits for another connection's transaction.
   * @default 5000
   */
  timeoutMs?: number;
  /** @default false */
  readOnly?: boolean;
  /**
   * Whether a file that is missing is an error (`SQLITE_CANTOPEN`), and not created.
   * @default false
   */
  mustExist?: boolean;
}

/** One connection to a database file. */
export class Database {
  readonly #db: DatabaseSyncInstance;

  /** @throws NodeAgentError `native_module` if SQLite cannot be loaded; Error with `sqliteCodeName` if the file is refused */
  constructor(
    readonly path: string,
    { timeoutMs = 5000, readOnly = false, mustExist = false }: DatabaseOptions = {},
  ) {
    const location = mustExist ? `${pathToFileURL(path).href}?mode=rw` : path;
    const Sqlite = loadSqlite();
    try {
      this.#db = new Sqlite(location, { timeout: timeoutMs, readOnly });
    } catch (error) {
      throw Object.assign(error as Error, { path }); // as Node's own errors have it
    }
  }

  prepare<R = Row>(sql: string): Statement<R> {
    return this.#db.prepare(sql);
  }

  /** Runs statements, for example pragmas, whose rows nobody wants. */
  exec(sql: string): void {
    this.#db.exec(sql);
  }

  /** @returns the first column of the first row; undefined if there is none */
  value(sql: string, ...parameters: unknown[]): unknown {
    return firstColumn(this.prepare(sql).get(...parameters));
  }

  /**
   * Runs `work` in a transaction that takes the write lock at once (`immediate`), or with its first write (`deferred`).
   * Inside another transaction it is a part of that one, which can fail and be undone alone.
   */
  transaction<T>(mode: 'immediate' | 'deferred', work: () => T): T {
    const isPart = this.#db.isTransaction;
    this.#db.exec(isPart ? 'SAVEPOINT part' : `BEGIN ${mode}`);
    try {
      const result = work();
      this.#db.exec(isPart ? 'RELEASE part' : 'COMMIT');
      return result;
    } catch (error) {
      // a full disk, for example, has rolled it back already
      if (this.#db.isTransaction) this.#db.exec(isPart ? 'ROLLBACK TO part; RELEASE part' : 'ROLLBACK');
      throw error;
    }
  }

  /** May be called again. */
  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}

/** @returns the bytes of a blob, without a copy */
export function bufferOf(blob: Uint8Array): Buffer {
  return Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
}

/** @returns the value of a row's first column */
export function firstColumn(row: Row | undefined): unknown {
  for (const column in row) return row[column];
  return undefined;
}

/** @returns why SQLite cannot be loaded, and what to do; undefined if it can */
export function whyNoSqlite(): string | undefined {
  try {
    loadSqlite();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

let loaded: typeof DatabaseSync | undefined;

/** Not by an import: that would end the program before it can say why, or run its command all the same. */
function loadSqlite(): typeof DatabaseSync {
  if (loaded) return loaded;
  try {
    const require = createRequire(import.meta.url);
    return (loaded = (require('@photostructure/sqlite') as { DatabaseSync: typeof DatabaseSync }).DatabaseSync);
  } catch (error) {
    const here = `Node ${process.versions.node} on ${process.platform} ${process.arch}`;
    throw new NodeAgentError(
      'native_module',
      `SQLite's native module cannot be loaded by ${here}: install node-agent again with this Node (${messageOf(error).split('\n', 1)[0] ?? ''})`,
      { cause: error },
    );
  }
}
