/**
 * Who records an execution. Its recorder holds a lock in the store's directory, which vanishes with the process, even
 * if that was killed. It can be tested from another pid namespace, where the recorder's pid means nothing, and from
 * another host as far as the file system passes locks on.
 *
 * The lock is an empty SQLite database in an exclusive transaction, because Node has no call for file locks; a recorder
 * takes the same lock without SQLite where it can. No other code may open a `.lock` file: closing any descriptor of it
 * would drop SQLite's lock of the whole process.
 */
import { closeSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isBusy } from '../errors.js';
import { lockAsSqlite } from '../process/sqlite-lock.js';
import { ensureDirectory } from './private-file.js';
import { RecorderNote } from './recorder-note.js';
import { Database, type DatabaseOptions } from './sqlite.js';

/** Holds a `.lock`, a `.note` and the segments of a `.spool` for each execution that is being recorded, named by the execution's id. */
export const RECORDERS_DIRECTORY = 'recorders';

export class RecorderLock {
  #letGo: (() => void) | undefined;
  readonly #path: string;
  readonly note: RecorderNote;

  private constructor(letGo: (() => void) | undefined, path: string) {
    this.#letGo = letGo;
    this.#path = path;
    this.note = new RecorderNote(notePath(path));
  }

  /**
   * Takes the lock of an execution that is about to be added, and reserves the space of its note. The file gets its name
   * when it is locked: somebody who could take it before would still believe in it when the recorder has another one.
   * @throws Error if the disk refuses it
   */
  static create(dataDir: string, executionId: string): RecorderLock {
    const path = pathOf(dataDir, executionId);
    const draft = `${path}.new`;
    ensureDirectory(join(dataDir, RECORDERS_DIRECTORY));
    const lock = new RecorderLock(lockAsSqlite(draft) ?? lockBySqlite(draft), path);
    try {
      renameSync(draft, path);
      lock.note.reserve();
      return lock;
    } catch (error) {
      rmSync(draft, { force: true });
      lock.remove();
      throw error;
    }
  }

  /**
   * Takes over the lock of a recorder that is gone.
   * @returns undefined if the recorder is alive
   */
  static takeOver(dataDir: string, executionId: string): RecorderLock | undefined {
    const path = pathOf(dataDir, executionId);
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return new RecorderLock(undefined, path);
    try {
      return new RecorderLock(lockBySqlite(path, { mustExist: true }), path);
    } catch (error) {
      // who had it may have removed it just now: it has seen to the execution
      if (isBusy(error) || statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
      throw error;
    }
  }

  /** Lets go of the lock; its files stay. */
  release(): void {
    this.#letGo?.();
    this.#letGo = undefined;
  }

  /** Lets go of the lock for good. */
  remove(): void {
    this.note.remove();
    rmSync(this.#path, { force: true });
    this.release();
  }
}

/** @returns the ids of the executions for which there is a lock, a note or a spool, whether their recorders are alive or not */
export function recorderFiles(dataDir: string): string[] {
  try {
    const names = readdirSync(join(dataDir, RECORDERS_DIRECTORY));
    return [...new Set(names.flatMap((name) => /^([0-9a-f-]{36})\.(?:lock|note|\d+\.spool)$/.exec(name)?.[1] ?? []))];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The note of a recorder that could not even take its lock. @throws Error if the disk refuses it */
export function noteWithoutLock(dataDir: string, executionId: string): RecorderNote {
  ensureDirectory(join(dataDir, RECORDERS_DIRECTORY));
  return new RecorderNote(notePath(pathOf(dataDir, executionId)));
}

function lockBySqlite(path: string, options: DatabaseOptions = {}): () => void {
  const db = lockDatabase(path, { ...options, timeoutMs: 0 });
  return () => db.close();
}

/** An exclusive lock that vanishes with its process. @throws Error SQLITE_BUSY if another process holds it */
export function lockDatabase(path: string, options: DatabaseOptions): Database {
  if (options.mustExist !== true) closeSync(openSync(path, 'a', 0o600)); // SQLite would create it as the umask says
  const db = new Database(path, options);
  try {
    db.exec('PRAGMA journal_mode = MEMORY'); // otherwise a file beside it
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function pathOf(dataDir: string, executionId: string): string {
  return join(dataDir, RECORDERS_DIRECTORY, `${executionId}.lock`);
}

function notePath(lockPath: string): string {
  return lockPath.replace(/\.lock$/, '.note');
}
