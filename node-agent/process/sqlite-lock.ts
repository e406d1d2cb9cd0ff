/** SQLite's lock of a whole database file, taken without SQLite, which takes longer to load than some commands run. */
import { closeSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import * as c from './constants.js';
import { libc } from './libc.js';

/** Where a server keeps the locks, it may not hear that such a one was let go (fuse_setlk in the kernel's fs/fuse/file.c). */
const FUSE = 0x65735546;
/** What an exclusive transaction locks: a byte each for pending and reserved, and 510 shared (sqlite3's os.h). */
const LOCKED = { start: 0x40000000n, length: 512n };

/**
 * Creates a file and locks it for as long as this process lives. SQLite, in this process too, then finds it busy.
 * @returns how to let go of it; undefined where only SQLite can lock it, or where it is locked
 * @throws Error if the disk refuses the file
 */
export function lockAsSqlite(path: string): (() => void) | undefined {
  const isKnown = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);
  const functions = isKnown && statfsSync(dirname(path)).type !== FUSE ? libc() : undefined;
  if (!functions) return undefined;
  const fd = openSync(path, 'a', 0o600);
  const lock = Buffer.alloc(c.FLOCK.bytes); // its zeros mean: counted from the file's beginning
  lock.writeInt16LE(c.F_WRLCK, c.FLOCK.type);
  lock.writeBigInt64LE(LOCKED.start, c.FLOCK.start);
  lock.writeBigInt64LE(LOCKED.length, c.FLOCK.length);
  if (functions.fcntl(fd, c.F_OFD_SETLK, 'uint8_t *', lock) === 0) return () => closeSync(fd);
  closeSync(fd);
  return undefined;
}
