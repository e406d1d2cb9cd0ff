import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../logger.js';
import { EmbeddedError, systemCode } from './errors.js';
import { takeLock, type ExclusiveLock } from './exclusive-lock.js';
import type { ProcessIdentity } from './process-identity.js';
import { STOP_STEPS, terminate, type ChildKind } from './terminate.js';

/** A server that runs on behalf of the owner of a data directory. */
export interface ChildRecord extends ProcessIdentity {
  readonly kind: ChildKind;
  readonly port: number;
}

/** A data directory that this process owns. */
export interface DataDir {
  readonly path: string;
  /** Records a child before it does anything, so that an owner that dies leaves no unknown process behind. */
  recordChild(child: ChildRecord): void;
  forgetChild(kind: ChildKind): void;
  release(): void;
}

/**
 * Takes the data directory for this process and creates it if needed. Stops the children of an owner that died.
 * @throws {EmbeddedError} data_dir_in_use, data_dir_unusable, stop_failed
 */
export async function takeDataDir(path: string, logger: Logger): Promise<DataDir> {
  const lock = await openLock(path);
  if ('owner' in lock) {
    throw new EmbeddedError(
      'data_dir_in_use',
      `data directory ${path} is in use by hive pid ${lock.owner.pid}; stop it or set HIVE_DATA_DIR`,
    );
  }
  const inherited = lock.abandoned.flat();
  // recorded as this owner's: if it dies too before they have stopped, the next owner stops them
  lock.note(inherited);
  lock.forgetAbandoned();
  // Temporal first: it may still write to what others read; PostgreSQL depends on nothing
  for (const child of inherited.toSorted((a, b) => b.kind.localeCompare(a.kind))) {
    logger.warn({ kind: child.kind, childPid: child.pid }, 'stopping a server that a killed hive left running');
    await terminate(child, STOP_STEPS[child.kind]);
  }
  const children = new Map<ChildKind, ChildRecord>();
  const write = () => lock.note([...children.values()]);
  write();
  return {
    path,
    recordChild(child) {
      children.set(child.kind, child);
      write();
    },
    forgetChild(kind) {
      children.delete(kind);
      write();
    },
    release: () => lock.release(),
  };
}

async function openLock(path: string): Promise<ExclusiveLock<ChildRecord[]> | { owner: ProcessIdentity }> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return await takeLock<ChildRecord[]>(join(path, 'lock'));
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new EmbeddedError(
      'data_dir_unusable',
      `data directory ${path} can't be used (${code}); make it a folder that this user can write to, or set HIVE_DATA_DIR`,
      { cause: error },
    );
  }
}
