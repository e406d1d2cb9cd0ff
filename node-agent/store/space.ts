/** How much of the disk a store takes up, and giving back what it does not need any more. */
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { isBusy } from '../errors.js';
import { DAMAGED_SPOOL } from '../recorder/spool-files.js';
import type { Store } from './open.js';
import { RECORDERS_DIRECTORY } from './recorder-lock.js';
import { DATABASE_FILE } from './store-files.js';

/** Pages that one transaction gives back: others wait some 20 ms for it, 50 at most as measured. */
const STEP_PAGES = 1000;
const PAUSE_MS = 5;
/** Up to this much content, a store from before is rebuilt, which others wait for: 2.5 s for 123 MB as measured. */
const REBUILD_BYTES = 128 * 1024 * 1024;

export interface Space {
  /** The database and its journal, on the disk. */
  database: number;
  /** What of it is free for new lines. */
  reusable: number;
  /** What recorders have not stored yet. */
  spools: number;
  /** Damaged stores and spools that were set aside. */
  setAside: { name: string; bytes: number }[];
  /** On the file system; undefined if it does not say. */
  diskFree: number | undefined;
}

export function spaceOf(store: Store): Space {
  const { dataDir } = store;
  const sizes = sizesIn(dataDir);
  const recorded = sizesIn(join(dataDir, RECORDERS_DIRECTORY));
  const isDamaged = ({ name }: { name: string }) => name.endsWith(DAMAGED_SPOOL);
  const sum = (list: { bytes: number }[]) => list.reduce((total, { bytes }) => total + bytes, 0);
  const own = [DATABASE_FILE, `${DATABASE_FILE}-wal`, `${DATABASE_FILE}-shm`];
  return {
    database: sum(sizes.filter(({ name }) => own.includes(name))),
    reusable: pageBytes(store) * (store.value('PRAGMA freelist_count') as number),
    spools: sum(recorded.filter((file) => !isDamaged(file))),
    setAside: [
      ...sizes.filter(({ name }) => name.startsWith(`${DATABASE_FILE}.`)),
      ...recorded.filter(isDamaged).map(({ name, bytes }) => ({ name: join(RECORDERS_DIRECTORY, name), bytes })),
    ],
    diskFree: diskFree(dataDir),
  };
}

/** @returns the bytes of the database's content */
export function usedBytes(store: Store): number {
  const pages = (store.value('PRAGMA page_count') as number) - (store.value('PRAGMA freelist_count') as number);
  return pages * pageBytes(store);
}

/**
 * Gives the free pages back to the file system, a few at a time, so that recorders never wait long. A store from before
 * version 0.2 is rebuilt once, if it is small; a large one keeps its free pages for new lines.
 * @returns the bytes given back
 */
export async function giveBack(store: Store): Promise<number> {
  const before = store.value('PRAGMA page_count') as number;
  const isIncremental = store.value('PRAGMA auto_vacuum') === 2;
  if (!isIncremental) {
    if (usedBytes(store) <= REBUILD_BYTES) {
      store.prepare('PRAGMA auto_vacuum = INCREMENTAL').all(); // takes effect with the next statement
      await patiently(() => store.prepare('VACUUM').all());
    }
  } else {
    while ((store.value('PRAGMA freelist_count') as number) > 0) {
      await patiently(() => store.prepare(`PRAGMA incremental_vacuum(${STEP_PAGES})`).all());
      await sleep(PAUSE_MS);
    }
  }
  // the file itself shrinks when the journal is written back; this one waits for nobody
  store.prepare('PRAGMA wal_checkpoint(PASSIVE)').all();
  return Math.max(0, before - (store.value('PRAGMA page_count') as number)) * pageBytes(store);
}

/**
 * Removes what was deleted from the files as well: SQLite only frees its place. A small store is rebuilt for that, which
 * others wait for; a large one loses what `secure_delete` has overwritten, and the rest as its free places are used.
 * @returns whether nothing is left
 */
export async function eraseDeleted(store: Store): Promise<boolean> {
  const isSmall = usedBytes(store) <= REBUILD_BYTES;
  if (isSmall) await patiently(() => store.prepare('VACUUM').all());
  return (await emptyJournal(store)) && isSmall;
}

/** Others may use the store meanwhile. @returns false if they never stopped for a moment: what comes next overwrites it */
async function emptyJournal(store: Store): Promise<boolean> {
  const timeout = store.value('PRAGMA busy_timeout') as number;
  for (let tries = 1; tries <= 20; tries++) {
    store.prepare('PRAGMA busy_timeout = 0').all(); // this thread has a connection to keep
    const [{ busy } = { busy: 0 }] = store.prepare<{ busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)').all();
    store.prepare(`PRAGMA busy_timeout = ${timeout}`).all();
    if (busy === 0) return true;
    await sleep(5 * tries);
  }
  return false;
}

/** Another process's transaction is waited for, a few times. */
async function patiently(work: () => unknown): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      work();
      return;
    } catch (error) {
      if (!isBusy(error) || tries === 10) throw error;
    }
    await sleep(100 * tries);
  }
}

function pageBytes(store: Store): number {
  return store.value('PRAGMA page_size') as number;
}

function sizesIn(directory: string): { name: string; bytes: number }[] {
  try {
    return readdirSync(directory).map((name) => ({ name, bytes: sizeOf(join(directory, name)) }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // nothing was recorded yet
    throw error;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function diskFree(directory: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return undefined; // not every file system says
  }
}
