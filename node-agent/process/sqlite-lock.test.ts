import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { lockDatabase } from '../store/recorder-lock.js';
import { lockAsSqlite } from './sqlite-lock.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-agent-lock-'));
  path = join(directory, 'a.lock');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const onLinux = process.platform === 'linux' ? test : test.skip;
const bySqlite = () => lockDatabase(path, { timeoutMs: 0, mustExist: true });

onLinux('SQLite finds the file busy until it is let go, also after others have opened and closed it', () => {
  const letGo = lockAsSqlite(path);
  expect(letGo).toBeDefined();
  expect(bySqlite).toThrow(/locked/);
  closeSync(openSync(path, 'r'));
  expect(bySqlite).toThrow(/locked/);
  letGo?.();
  bySqlite().close();
});

onLinux('what SQLite has locked cannot be had', () => {
  const locked = lockDatabase(path, { timeoutMs: 0 });
  expect(lockAsSqlite(path)).toBeUndefined();
  locked.close();
  lockAsSqlite(path)?.();
});
