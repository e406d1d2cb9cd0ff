/** Fills an empty database from a backup. */
import { open, type FileHandle } from 'node:fs/promises';
import type pg from 'pg';
import { parseConnectionUrl } from '../../prisma/connection-url.js';
import {
  advanceSequences,
  analyze,
  beginCopyIn,
  copyIn,
  emptyTables,
  listContent,
  listMigrations,
  silenceTriggers,
  tellAttemptsAgain,
  withConnection,
} from '../../prisma/copy-tables.js';
import { FREE_ALL } from '../../prisma/queries/pending-backfills.js';
import { systemCode } from '../embedded/errors.js';
import type { Logger } from '../logger.js';
import { applyMigrations } from '../migrate.js';
import type { CheckedBackup } from './check-backup.js';
import { BackupError } from './errors.js';
import { readBackup, type Frame } from './format.js';
import type { BackupOptions } from './make-backup.js';

export interface RestoreOptions extends BackupOptions {
  /** The same database as a role that may change tables. */
  directUrl?: string | undefined;
}

const NO_SUCH_DATABASE = '3D000';

/**
 * Brings an empty database to the state of a backup, and on to this version. All rows come in one transaction.
 * @param backup what checkBackup found in the file
 * @throws BackupError if the database is not empty, or the file has changed since it was checked
 */
export async function restoreBackup(
  databaseUrl: string,
  path: string,
  backup: CheckedBackup,
  logger: Logger,
  { directUrl = databaseUrl, onBytes = () => undefined, signal = new AbortController().signal }: RestoreOptions = {},
): Promise<void> {
  const { schema } = parseConnectionUrl(databaseUrl);
  await requireEmpty(directUrl, schema, signal);
  const through = backup.migrations.at(-1)?.name ?? '';
  await applyMigrations(databaseUrl, logger, { directUrl, through });
  await withConnection(directUrl, signal, async (client) => {
    await beginCopyIn(client, schema);
    await requireSameMigrations(client, backup);
    await emptyTables(client, backup.tables);
    const enableTriggers = await silenceTriggers(client, backup.tables);
    const file = await open(path);
    try {
      await fillTables(client, file, path, backup, onBytes);
    } finally {
      await file.close();
    }
    await client.query(FREE_ALL.text, FREE_ALL.values); // of the backfills that ran when the backup was made
    await enableTriggers();
    await tellAttemptsAgain(client, backup.tables);
    await advanceSequences(client, backup.sequences);
    await client.query('COMMIT');
    await analyze(client, backup.tables, schema);
  });
  await applyMigrations(databaseUrl, logger, { directUrl });
}

async function requireEmpty(url: string, schema: string | undefined, signal: AbortSignal): Promise<void> {
  const content = await withConnection(url, signal, async (client) => {
    await beginCopyIn(client, schema);
    return listContent(client);
  }).catch((error: unknown) => {
    if (systemCode(error) === NO_SUCH_DATABASE) return []; // it is created with its tables
    throw error;
  });
  if (content.length === 0) return;
  throw new BackupError(
    'not_empty',
    `the database has data already (in ${content.slice(0, 3).join(', ')}); restore into an empty one, and nothing is lost`,
  );
}

/** A database without rows may have been migrated further than the backup: then some migrations would miss its rows. */
async function requireSameMigrations(client: pg.Client, { migrations }: CheckedBackup): Promise<void> {
  if ((await listMigrations(client)).length === migrations.length) return;
  throw new BackupError('not_empty', 'the database has newer tables than the backup: restore into an empty database');
}

async function fillTables(
  client: pg.Client,
  file: FileHandle,
  path: string,
  backup: CheckedBackup,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const frames = readBackup(file, path);
  const tables = new Map(backup.tables.map((table) => [table.name, table]));
  let bytes = 0;
  let frame = await next(frames);
  async function* dataOfTable(): AsyncGenerator<Buffer> {
    for (;;) {
      frame = await next(frames);
      if (frame?.kind !== 'data') return;
      onBytes((bytes += frame.bytes.length));
      yield frame.bytes;
    }
  }
  // to the very end, where the checksum is compared again
  while (frame !== undefined) {
    const table = frame.kind === 'table' ? tables.get(frame.name) : undefined;
    if (!table) {
      frame = await next(frames);
      continue;
    }
    const stored = await copyIn(client, table, dataOfTable());
    if (stored !== backup.rows[table.name]) {
      throw new BackupError('damaged', `${path} is damaged: ${table.name} has ${stored} rows; nothing was changed`);
    }
  }
}

async function next(frames: AsyncGenerator<Frame, void>): Promise<Frame | undefined> {
  const result = await frames.next();
  return result.done ? undefined : result.value;
}
