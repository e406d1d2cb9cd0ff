/** Takes what is readable in a damaged store over into a new one. */
import { closeSync, copyFileSync, openSync, readSync, rmSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { counted } from '../counted.js';
import { recorderFiles } from './recorder-lock.js';
import { Database, type Row } from './sqlite.js';

/** @returns the machine_id of a store that may be damaged; undefined if it cannot be read */
export function readIdentity(path: string): string | undefined {
  let db: Database | undefined;
  try {
    db = new Database(path, { mustExist: true });
    const id = db.value('SELECT machine_id FROM node WHERE id = 1');
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined; // that it is damaged is known
  } finally {
    db?.close();
  }
}

/**
 * Copies attempts, executions and their lines, as far as they can be read. All of it is announced to the hive again,
 * which says which lines are missing at the node. What is being recorded is left out: its recorder adds it again.
 * @returns what was taken over, for people
 */
export function salvage(path: string, into: Database): string {
  const beingRecorded = new Set(recorderFiles(dirname(path)));
  const padded = paddedCopy(path);
  const damaged = new Database(padded ?? path, { mustExist: true });
  try {
    return into.transaction('immediate', () => {
      const attempts = copyRows(damaged, into, { table: 'attempt', key: 'key', change: unacknowledged });
      const executions = copyRows(damaged, into, {
        table: 'execution',
        key: 'key',
        change: (row) =>
          beingRecorded.has(String(row['id'])) ? undefined : inParent(unacknowledged(row), 'attempt_key', attempts),
      });
      const inExecution = (row: Row) => inParent(row, 'execution_key', executions);
      copyRows(damaged, into, { table: 'log_page', key: 'rowid', change: inExecution });
      copyRows(damaged, into, { table: 'log_line', key: '(execution_key, seq)', change: inExecution });
      if (attempts.size === 0) return 'nothing of it, because nothing could be read';
      return `the ${counted(attempts.size, 'attempt')} and ${counted(executions.size, 'execution')} that could be read`;
    });
  } finally {
    damaged.close();
    if (padded !== undefined) rmSync(padded, { force: true });
  }
}

/**
 * SQLite reads nothing of a file that is shorter than its header says.
 * @returns a copy that is long enough; undefined if the file is
 */
function paddedCopy(path: string): string | undefined {
  const header = Buffer.alloc(32);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, header, 0, header.length, 0);
  } finally {
    closeSync(fd);
  }
  const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const bytes = pageBytes * header.readUInt32BE(28);
  // no more than twice its size: the header may be what is damaged
  const { size } = statSync(path);
  if (size >= bytes || bytes > 2 * size + 1024 * pageBytes) return undefined;
  const copy = `${path}.padded`;
  copyFileSync(path, copy);
  truncateSync(copy, bytes);
  return copy;
}

interface Copy {
  table: string;
  /** The key that its rows are read by, from both ends: what is damaged lies between. */
  key: string;
  /** @returns the row as it is stored; undefined if it is left out */
  change: (row: Row) => Row | undefined;
}

/** @returns the keys of the rows' copies, by the keys that they had */
function copyRows(from: Database, into: Database, { table, key, change }: Copy): Map<number, number> {
  const keys = new Map<number, number>();
  const known = columns(into, table);
  for (const row of rowsFromBothEnds(from, table, key)) {
    const changed = change(row);
    if (!changed) continue;
    const names = Object.keys(changed).filter((name) => name !== 'key' && known.includes(name));
    const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')}) ON CONFLICT DO NOTHING`;
    const { changes, lastInsertRowid } = into.prepare(sql).run(...names.map((name) => changed[name]));
    if (changes === 1 && typeof row['key'] === 'number') keys.set(row['key'], Number(lastInsertRowid));
  }
  return keys;
}

function* rowsFromBothEnds(db: Database, table: string, key: string): Generator<Row> {
  const order = key.replace(/[()]/g, '').split(', ');
  try {
    for (const row of db.prepare(`SELECT * FROM ${table} NOT INDEXED ORDER BY ${order.join(', ')}`).iterate())
      yield row;
    return;
  } catch {
    // the rest is read from the other end
  }
  try {
    // what was read already comes again, and is not stored twice
    const back = order.map((name) => `${name} DESC`).join(', ');
    for (const row of db.prepare(`SELECT * FROM ${table} NOT INDEXED ORDER BY ${back}`).iterate()) yield row;
  } catch {
    // what lies between the two is lost
  }
}

function columns(db: Database, table: string): string[] {
  return db
    .prepare<{ name: string }>(`PRAGMA table_info(${table})`)
    .all()
    .map(({ name }) => name);
}

/** The hive may have more than could be read: it is told everything again. */
function unacknowledged(row: Row): Row {
  const kept = Object.entries(row).filter(([name]) => !/^(acked_\w+|covered_by)$/.test(name));
  return Object.fromEntries(kept);
}

function inParent(row: Row, column: string, parents: ReadonlyMap<number, number>): Row | undefined {
  const parent = parents.get(row[column] as number);
  return parent === undefined ? undefined : { ...row, [column]: parent };
}
