/** The embedded database of a data directory, for backups: running or not, there or to be made. */
import { existsSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../logger.js';
import { readRunning } from '../data-files.js';
import { takeDataDir } from '../embedded/data-dir.js';
import { EmbeddedError } from '../embedded/errors.js';
import { startEmbedded } from '../embedded/index.js';
import { BackupError } from './errors.js';

const CLUSTER = 'postgres';
const PASSWORD = 'postgres-password';
const DRAFT = 'restore';
/** What comes into emptied tables is then written once, to the tables, and not to the log before. */
const FILLING = { wal_level: 'minimal', max_wal_senders: '0', max_wal_size: '4GB', maintenance_work_mem: '256MB' };

export function hasEmbeddedDatabase(dataDir: string): boolean {
  return existsSync(join(dataDir, CLUSTER));
}

/** Lends the database for `work`: that of the hive that runs there, or one that is started for it. */
export async function withEmbeddedDatabase<T>(
  dataDir: string,
  logger: Logger,
  work: (databaseUrl: string) => Promise<T>,
): Promise<T> {
  const running = async () => (await readRunning(dataDir))?.databaseUrl;
  const started = await startEmbedded({ dataDir, postgres: true, temporal: false }, logger).catch(
    async (error: unknown) => {
      const url = error instanceof EmbeddedError && error.code === 'data_dir_in_use' ? await running() : undefined;
      if (url === undefined) throw error;
      return { databaseUrl: url, stop: () => Promise.resolve() };
    },
  );
  try {
    return await work(started.databaseUrl ?? '');
  } finally {
    await started.stop();
  }
}

/**
 * Makes a new database, which takes its place in the data directory when `fill` has filled it.
 * @param replace puts a database that is there aside
 * @returns where the former database is now; undefined if there was none
 * @throws BackupError not_empty; EmbeddedError data_dir_in_use if a hive runs there
 */
export async function makeEmbeddedDatabase(
  dataDir: string,
  replace: boolean,
  logger: Logger,
  fill: (databaseUrl: string) => Promise<void>,
): Promise<string | undefined> {
  const lock = await takeDataDir(dataDir, logger);
  const draft = join(dataDir, DRAFT);
  try {
    const isThere = hasEmbeddedDatabase(dataDir);
    if (isThere && !replace) {
      throw new BackupError(
        'not_empty',
        `${dataDir} has a database already: give --replace to put it aside, or set HIVE_DATA_DIR to another directory`,
      );
    }
    (await takeDataDir(draft, logger)).release(); // a restore that was killed has left its server running
    await rm(draft, { recursive: true });
    const embedded = await startEmbedded(
      { dataDir: draft, postgres: true, temporal: false, postgresSettings: FILLING },
      logger,
    );
    try {
      await fill(embedded.databaseUrl ?? '');
    } finally {
      await embedded.stop();
    }
    return putInPlace(dataDir, draft, isThere);
  } finally {
    await rm(draft, { recursive: true, force: true });
    lock.release();
  }
}

function putInPlace(dataDir: string, draft: string, isThere: boolean): string | undefined {
  const aside = `replaced-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  const former = isThere ? join(dataDir, `${CLUSTER}.${aside}`) : undefined;
  if (former !== undefined) {
    renameSync(join(dataDir, CLUSTER), former);
    const password = join(dataDir, PASSWORD);
    if (existsSync(password)) renameSync(password, join(dataDir, `${PASSWORD}.${aside}`));
  }
  renameSync(join(draft, PASSWORD), join(dataDir, PASSWORD));
  renameSync(join(draft, CLUSTER), join(dataDir, CLUSTER));
  return former;
}
