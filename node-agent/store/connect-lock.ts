/** Which process stays connected to the hive for a store: the one that holds this lock, which vanishes with it. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isBusy } from '../errors.js';
import { lockDatabase } from './recorder-lock.js';

export const CONNECT_LOCK = 'connect.lock';

/** Someone who asks whether it is held has it for a moment, and a process that ends for a little longer. */
const TAKE_MS = 2000;

export class ConnectLock {
  readonly #db: ReturnType<typeof lockDatabase>;

  private constructor(db: ReturnType<typeof lockDatabase>) {
    this.#db = db;
  }

  /**
   * @returns undefined if another process holds it
   * @throws Error if the disk refuses it
   */
  static take(dataDir: string, timeoutMs = TAKE_MS): ConnectLock | undefined {
    try {
      return new ConnectLock(lockDatabase(join(dataDir, CONNECT_LOCK), { timeoutMs }));
    } catch (error) {
      if (isBusy(error)) return undefined;
      throw error;
    }
  }

  /** @returns whether a process holds it. @throws Error if the file cannot be read */
  static isHeld(dataDir: string): boolean {
    if (statSync(join(dataDir, CONNECT_LOCK), { throwIfNoEntry: false }) === undefined) return false;
    try {
      lockDatabase(join(dataDir, CONNECT_LOCK), { timeoutMs: 0, mustExist: true }).close();
      return false;
    } catch (error) {
      if (isBusy(error)) return true;
      throw error;
    }
  }

  release(): void {
    this.#db.close();
  }
}
