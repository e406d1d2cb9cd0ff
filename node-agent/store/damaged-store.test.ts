/** What becomes of a store that is damaged in one way or another. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isDamage } from '../errors.js';
import { endedExecution, startExecution } from '../testing/temporary-store.js';
import { meetHive } from './acknowledgements.js';
import { listAttempts } from './attempts.js';
import { findExecution } from './executions.js';
import { openStore, type Store } from './open.js';
import { readLines } from './read-lines.js';
import { Database } from './sqlite.js';

let directory: string;
let said: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-agent-damaged-'));
  said = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = () => join(directory, 'node.db');
const open = (): Store => openStore(directory, { say: (sentence) => said.push(sentence) });
const aside = () => readdirSync(directory).filter((name) => /^node\.db\.damaged-\d{8}T\d{6}Z(\.\d+)?$/.test(name));

/** Makes a store with this many attempts of 2,000 lines each. @returns its identity and their ids */
function fill(attempts: number): { machineId: string; attemptIds: string[] } {
  const store = open();
  const attemptIds = Array.from({ length: attempts }, () => endedExecution(store, { lines: 2000 }).attempt_id);
  const machineId = store.machineId();
  store.close();
  return { machineId, attemptIds };
}

function recordsAgain(): Store {
  const store = open();
  const execution = startExecution(store, { lines: 3 });
  expect(readLines(store, execution.key, 0, 3, { lines: 10, rawBytes: 1e6 })?.lines).toHaveLength(3);
  return store;
}

describe('a damaged store is set aside, its identity goes on', () => {
  test('that is no database', () => {
    const { machineId } = fill(1);
    writeFileSync(path(), 'this is no database, but long enough to look at'.repeat(100));
    const store = recordsAgain();
    expect(store.machineId()).toBe(machineId);
    expect(aside()).toHaveLength(1);
    expect(readFileSync(join(directory, aside()[0] ?? ''), 'utf8')).toContain('this is no database');
    expect(said).toEqual([expect.stringContaining(`is damaged (`)]);
    expect(said[0]).toContain(aside()[0]);
    expect(said[0]).not.toContain('refuse');
    store.close();
    open().close();
    expect(said).toHaveLength(1);
  });

  test('that has the tables of another program, whether it has a version or not', () => {
    for (const version of [0, 3]) {
      const other = new Database(path());
      other.exec(`CREATE TABLE notes (text TEXT); PRAGMA user_version = ${version}`);
      other.close();
      recordsAgain().close();
      rmSync(path());
    }
    expect(aside()).toHaveLength(2);
    expect(said[0]).toContain('its tables are not those of a store (notes)');
    expect(said[0]).toContain('the hive will refuse its key');
  });

  test('that was cut: what is readable is taken over, and announced again', () => {
    const { machineId, attemptIds } = fill(20);
    truncateSync(path(), Math.floor(statSync(path()).size / 2 / 4096) * 4096);
    const store = recordsAgain();
    expect(store.machineId()).toBe(machineId);
    expectKept(store, attemptIds);
    store.close();
  });

  test('that has malformed pages, once it cannot be written', () => {
    const { machineId, attemptIds } = fill(20);
    const bytes = readFileSync(path());
    writeFileSync(path(), bytes.fill(0xa5, Math.floor(bytes.length / 2 / 4096) * 4096));
    const damaged = open();
    let found: unknown;
    try {
      for (let number = 0; number < 30; number++) startExecution(damaged, { lines: 2000 });
    } catch (error) {
      found = error;
    }
    expect(isDamage(found)).toBe(true);
    damaged.setAside(found, (sentence) => said.push(sentence));
    const store = recordsAgain();
    expect(store.machineId()).toBe(machineId);
    expectKept(store, attemptIds);
    store.close();
  });

  function expectKept(store: Store, attemptIds: string[]): void {
    const kept = listAttempts(store, 100).filter(({ id }) => attemptIds.includes(id));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.every((row) => row.acked_revision === 0)).toBe(true);
    expect(said.at(-1)).toMatch(/with the \d+ attempts? and \d+ executions? that could be read$/);
  }

  test('that can be read in full loses nothing', () => {
    const { attemptIds } = fill(3);
    const store = open();
    meetHive(store, '11111111-1111-4111-8111-111111111111');
    store.setAside(new Error('a test says so'), (sentence) => said.push(sentence));
    const next = open();
    expect(
      listAttempts(next, 10)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([...attemptIds].sort());
    for (const { key } of listAttempts(next, 10)) {
      const [row] = next.prepare<{ id: string }>('SELECT id FROM execution WHERE attempt_key = ?').all(key);
      const execution = findExecution(next, row?.id ?? '');
      expect(execution).toMatchObject({ status: 'completed', log_lines: 2000 });
      let lines = 0;
      for (let after = 0; after < 2000; after += lines) {
        lines = readLines(next, execution?.key ?? 0, after, 2000, { lines: 500, rawBytes: 1e9 })?.lines.length ?? 1e9;
      }
      expect(lines).toBeLessThanOrEqual(500);
    }
    next.close();
  });

  test('once, if two processes find it', () => {
    fill(1);
    const [first, second] = [open(), open()];
    first.setAside(new Error('damage'), () => undefined);
    second.setAside(new Error('damage'), (sentence) => said.push(sentence));
    expect(aside()).toHaveLength(1);
    expect(said).toEqual([]);
  });
});

test('a store whose journal was cut goes on with what is left', () => {
  const store = open();
  const { attempt_id: attemptId } = endedExecution(store, { lines: 10 });
  store.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
  startExecution(store, { lines: 5000 });
  const journal = readFileSync(`${path()}-wal`);
  const database = readFileSync(path());
  store.close();
  writeFileSync(path(), database);
  writeFileSync(`${path()}-wal`, journal.subarray(0, journal.length / 2 - 100));
  rmSync(`${path()}-shm`, { force: true });
  const again = recordsAgain();
  expect(listAttempts(again, 10).map(({ id }) => id)).toContain(attemptId);
  expect(aside()).toEqual([]);
  again.close();
});

test('a journal that was left behind is not played into a new store', () => {
  const { machineId } = fill(1);
  rmSync(path());
  writeFileSync(`${path()}-wal`, 'left behind');
  const store = recordsAgain();
  expect(store.machineId()).toBe(machineId);
  expect(readdirSync(directory)).toContain('node.db.left-over-wal');
  store.close();
});

test('a store of a newer version is not touched', () => {
  const store = open();
  store.prepare('PRAGMA user_version = 999').all();
  store.close();
  expect(open).toThrow('made by a newer node-agent (schema 999)');
  expect(aside()).toEqual([]);
});

describe('the files of a store', () => {
  const modeOf = (...names: string[]) => (statSync(join(directory, ...names)).mode & 0o777).toString(8);

  test('are private at once, whatever the umask is', () => {
    const before = process.umask(0);
    try {
      const store = open();
      startExecution(store, { lines: 2000 });
      const names = readdirSync(directory).filter((name) => name !== '.gitignore');
      expect(names).toEqual(expect.arrayContaining(['machine-id', 'node.db', 'node.db-shm', 'node.db-wal']));
      for (const name of names) expect([name, modeOf(name)]).toEqual([name, '600']);
      store.close();
    } finally {
      process.umask(before);
    }
  });

  test('become private where they were not', () => {
    fill(1);
    mkdirSync(join(directory, 'recorders'));
    writeFileSync(join(directory, 'recorders', 'x.note'), '');
    for (const name of ['.', 'recorders']) chmodSync(join(directory, name), 0o755);
    for (const name of ['node.db', 'machine-id', 'recorders/x.note']) chmodSync(join(directory, name), 0o644);
    open().close();
    expect([modeOf('.'), modeOf('recorders')]).toEqual(['700', '700']);
    for (const name of ['node.db', 'machine-id', 'recorders/x.note']) expect(modeOf(name)).toBe('600');
  });

  test('in a directory with other files are private, and the directory and those stay as they are', () => {
    writeFileSync(join(directory, 'source.c'), '');
    chmodSync(directory, 0o755);
    chmodSync(join(directory, 'source.c'), 0o644);
    open().close();
    expect([modeOf('.'), modeOf('source.c'), modeOf('node.db')]).toEqual(['755', '644', '600']);
  });
});
