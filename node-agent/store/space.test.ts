import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { endedExecution, temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { openStore } from './open.js';
import { giveBack, spaceOf, usedBytes } from './space.js';
import { Database } from './sqlite.js';

let temporary: TemporaryStore;
beforeEach(() => {
  temporary = temporaryStore();
});
afterEach(() => temporary.remove());

const fileBytes = () => statSync(join(temporary.dataDir, 'node.db')).size;
function fillAndEmpty(): void {
  const { store } = temporary;
  endedExecution(store, { lines: 5000 });
  store.prepare('UPDATE log_page SET gzip = randomblob(300000)').run();
  store.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
  store.prepare('DELETE FROM log_page').run();
}

describe('the space of removed lines', () => {
  test('is given back to the file system, while another process goes on recording', async () => {
    fillAndEmpty();
    const before = fileBytes();
    const other = openStore(temporary.dataDir, { busyTimeoutMs: 20 });
    const given = giveBack(temporary.store);
    for (let number = 0; number < 3; number++) endedExecution(other, { lines: 10 });
    expect(await given).toBeGreaterThan(1_000_000);
    expect(spaceOf(temporary.store).reusable).toBe(0);
    expect(before - fileBytes()).toBeGreaterThan(1_000_000);
    other.close();
  });

  test('of a store from before is given back by rebuilding it once', async () => {
    temporary.store.close();
    const former = new Database(join(temporary.dataDir, 'node.db'));
    former.exec('PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM');
    expect(former.value('PRAGMA auto_vacuum')).toBe(0);
    former.close();
    temporary.store = openStore(temporary.dataDir);
    expect(temporary.store.value('PRAGMA auto_vacuum')).toBe(0);
    fillAndEmpty();
    const before = fileBytes();
    await giveBack(temporary.store);
    expect(before - fileBytes()).toBeGreaterThan(1_000_000);
    expect(temporary.store.value('PRAGMA auto_vacuum')).toBe(2);
  });

  test('counts as free until then', () => {
    fillAndEmpty();
    const { database, reusable } = spaceOf(temporary.store);
    expect(reusable).toBeGreaterThan(1_000_000);
    expect(usedBytes(temporary.store)).toBeLessThan(database - 1_000_000);
  });
});
