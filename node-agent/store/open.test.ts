import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { succeeds } from '../testing/agent-process.js';
import { row, startExecution } from '../testing/temporary-store.js';
import { openStore } from './open.js';
import { endOrphans } from './orphans.js';
import { MIGRATIONS } from './schema.js';
import { Database } from './sqlite.js';

describe('a store', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-open-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('is not staged by `git add -A`, wherever it is', () => {
    const git = (...args: string[]) => succeeds('git', '-C', directory, ...args);
    git('init', '-q');
    openStore(join(directory, 'store')).close();
    expect(git('add', '-A')).toBe(true);
    expect(git('ls-files', '--error-unmatch', 'store/node.db')).toBe(false);
  });

  test('does not hide other files of its directory, and is not staged among them', () => {
    const git = (...args: string[]) => succeeds('git', '-C', directory, ...args);
    writeFileSync(join(directory, 'source.c'), '');
    git('init', '-q');
    openStore(directory).close();
    expect(git('add', '-A')).toBe(true);
    expect(git('ls-files', '--error-unmatch', 'source.c')).toBe(true);
    for (const name of ['node.db', 'machine-id', '.gitignore']) {
      expect([name, git('ls-files', '--error-unmatch', name)]).toEqual([name, false]);
    }
    mkdirSync(join(directory, 'own'));
    writeFileSync(join(directory, 'own', '.gitignore'), 'mine\n');
    openStore(join(directory, 'own')).close();
    expect(readFileSync(join(directory, 'own', '.gitignore'), 'utf8')).toBe('mine\n');
  });

  test('of the version before is opened, and its recorders are known by their pid', () => {
    const former = new Database(join(directory, 'node.db'));
    const before = MIGRATIONS.findIndex((step) => step.includes('recorder_locks'));
    for (const step of MIGRATIONS.slice(0, before)) former.exec(step);
    former.exec(`PRAGMA user_version = ${before}`);
    former.close();
    const store = openStore(directory);
    try {
      const [alive, dead] = [startExecution(store), startExecution(store)];
      expect(alive.recorder_locks).toBe(0);
      store.prepare('UPDATE execution SET recorder_pid = 4194304 WHERE key = ?').run(dead.key);
      expect(endOrphans(store)).toEqual([dead.id]);
      expect(row(store, alive.key).status).toBe('running');
    } finally {
      store.close();
    }
  });

  test('is refused at once where no directory can be made', () => {
    expect(() => openStore('/proc/nowhere/store')).toThrow(
      /^cannot use the store in \/proc\/nowhere\/store: \/proc\/nowhere cannot be made .*\(ENOENT\)$/,
    );
  });

  test('knows that its file was deleted or replaced', () => {
    const store = openStore(directory);
    expect(store.isReplaced()).toBe(false);
    rmSync(join(directory, 'node.db'));
    expect(store.isReplaced()).toBe(true);
    openStore(directory).close();
    expect(store.isReplaced()).toBe(true);
    store.close();
  });
});
