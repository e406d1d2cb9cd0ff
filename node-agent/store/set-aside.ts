/**
 * A damaged store is renamed, never deleted, so that recording goes on in a new one. Only a store that cannot be opened
 * or written is set aside: a page that cannot be read spoils one execution's lines, and nothing else.
 */
import { existsSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { messageOf } from '../errors.js';
import { keepIdentity, keptIdentity } from './identity.js';
import { lockDatabase } from './recorder-lock.js';
import { readIdentity, salvage } from './salvage.js';
import type { Database } from './sqlite.js';
import { DATABASE_FILE } from './store-files.js';

/** Another process may be setting it aside, and saving what is readable. */
const LOCK_MS = 30_000;
/** Up to this size, what is readable is taken over at once: that takes about a second. */
const SALVAGE_BYTES = 64 * 1024 * 1024;

export interface FileIdentity {
  device: bigint;
  inode: bigint;
}

/** @returns undefined if there is no such file */
export function fileIdentity(path: string): FileIdentity | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && { device: found.dev, inode: found.ino };
}

export function isSameFile(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  return a?.inode === b?.inode && a?.device === b?.device;
}

export interface Damage {
  dataDir: string;
  /** The file that was found damaged. If another one is in its place now, nothing is done. */
  file: FileIdentity | undefined;
  error: unknown;
  /** Opens the store that takes its place, and makes its tables. */
  openNew: () => Database;
  /** Told, in one sentence, what was done. */
  say: (sentence: string) => void;
}

/** @throws Error if the disk refuses it */
export function setAside({ dataDir, file, error, openNew, say }: Damage): void {
  const path = join(dataDir, DATABASE_FILE);
  const lock = lockDatabase(join(dataDir, 'set-aside.lock'), { timeoutMs: LOCK_MS });
  try {
    if (!isSameFile(fileIdentity(path), file)) return;
    const machineId = readIdentity(path) ?? keptIdentity(dataDir);
    if (machineId !== undefined) keepIdentity(dataDir, machineId);
    const aside = freeName(`${path}.damaged-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`);
    // in this order: whoever finds no database, but its journal, waits for this lock
    for (const suffix of ['', '-shm', '-wal']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
    const kept = takeOver(aside, openNew);
    const identity = machineId === undefined ? `; ${ANOTHER_NODE}` : '';
    say(
      `the store ${path} is damaged (${messageOf(error)}): it is ${basename(aside)} now, and a new store takes its place, with ${kept}${identity}`,
    );
  } finally {
    lock.close();
  }
}

const ANOTHER_NODE =
  'the identity of this node could not be read, so the hive will refuse its key for the new store: give it a new one with `node-agent join`';

/** Waits for a process that is setting the store aside at this moment. */
export function awaitSetAside(dataDir: string): void {
  const path = join(dataDir, DATABASE_FILE);
  if (existsSync(path) || !existsSync(`${path}-wal`)) return;
  const lock = lockDatabase(join(dataDir, 'set-aside.lock'), { timeoutMs: LOCK_MS });
  try {
    // nobody does, so it was left behind: SQLite would play it into the new database
    if (existsSync(path)) return;
    const aside = freeName(`${path}.left-over`);
    for (const suffix of ['-shm', '-wal']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
  } finally {
    lock.close();
  }
}

function takeOver(aside: string, openNew: () => Database): string {
  const db = openNew();
  try {
    if (statSync(aside).size > SALVAGE_BYTES) return 'none of its lines, because it is large';
    return salvage(aside, db);
  } catch (error) {
    return `none of its lines (${messageOf(error)})`;
  } finally {
    db.close();
  }
}

function freeName(name: string): string {
  for (let number = 1; ; number++) {
    const free = number === 1 ? name : `${name}.${number}`;
    if (!existsSync(free)) return free;
  }
}
