/** Copies a hive's database into a file, while hives work on it. */
import { link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseConnectionUrl } from '../../prisma/connection-url.js';
import {
  beginSnapshot,
  copyOut,
  installationName,
  listMigrations,
  listSequences,
  listTables,
  withConnection,
  type TableShape,
} from '../../prisma/copy-tables.js';
import { systemCode } from '../embedded/errors.js';
import { VERSION } from '../version.js';
import { BackupError } from './errors.js';
import { BackupWriter, type BackupHeader } from './format.js';
import type pg from 'pg';

export interface BackupSummary {
  tables: number;
  rows: number;
  /** Of the file. */
  bytes: number;
  createdAt: string;
}

export interface BackupOptions {
  /** Called with the number of bytes handled so far. */
  onBytes?: (bytes: number) => void;
  /** Ends the work, which leaves nothing. */
  signal?: AbortSignal;
}

/**
 * Writes a consistent copy of the database to a new file, which only this user can read. The file has its name only when
 * it is whole.
 * @throws BackupError file_exists, nothing_there
 */
export async function makeBackup(
  databaseUrl: string,
  path: string,
  { onBytes = () => undefined, signal = new AbortController().signal }: BackupOptions = {},
): Promise<BackupSummary> {
  const draft = `${path}.${process.pid}.draft`;
  await refuseExisting(path);
  const file = await open(draft, 'wx', 0o600);
  try {
    const summary = await withConnection(databaseUrl, signal, async (client) => {
      await beginSnapshot(client, parseConnectionUrl(databaseUrl).schema);
      const header = await describe(client);
      const writer = await BackupWriter.start(file, header);
      const rows: Record<string, number> = {};
      for (const table of header.tables) rows[table.name] = await copyTable(client, table, writer, onBytes);
      await writer.end({ rows, sequences: await listSequences(client) });
      const { createdAt, tables } = header;
      return { tables: tables.length, rows: sum(rows), bytes: writer.bytes, createdAt };
    });
    await link(draft, path).catch((error: unknown) => {
      throw systemCode(error) === 'EEXIST' ? exists(path) : error;
    });
    await syncFolder(dirname(path));
    return summary;
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

async function describe(client: pg.Client): Promise<BackupHeader> {
  const migrations = await listMigrations(client);
  if (migrations.length === 0)
    throw new BackupError('nothing_there', 'no hive has used this database: it has no tables');
  const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version");
  return {
    createdAt: new Date().toISOString(),
    hiveVersion: VERSION,
    postgresVersion: rows[0]?.version ?? '',
    installation: await installationName(client),
    migrations,
    tables: await listTables(client),
  };
}

async function copyTable(
  client: pg.Client,
  table: TableShape,
  writer: BackupWriter,
  onBytes: (bytes: number) => void,
): Promise<number> {
  await writer.table(table.name);
  return copyOut(client, table, async (bytes) => {
    await writer.data(bytes);
    onBytes(writer.bytes);
  });
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await (await open(path)).close();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  throw exists(path);
}

function exists(path: string): BackupError {
  return new BackupError('file_exists', `${path} is there already: name another file, or remove it`);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function sum(rows: Record<string, number>): number {
  return Object.values(rows).reduce((total, count) => total + count, 0);
}
