/** What `prune` removes by age and by size, with a hive that has everything. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { bytesOf, showBytes } from '../bytes.js';
import { createLogger } from '../log.js';
import { configuredPrune } from '../prune-rule.js';
import { acknowledgeAttempt, acknowledgeLines, meetHive } from '../store/acknowledgements.js';
import { getAttempt } from '../store/attempts.js';
import { usedBytes } from '../store/space.js';
import { endedExecution, temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { pruneAutomatically } from './automatic-prune.js';
import { pruneStored } from './prune-stored.js';

const NODE_ID = randomUUID();
let temporary: TemporaryStore;
let hive: Server;
let access: { hiveUrl: string; apiKey: string };
/** The attempts, oldest first. */
let ids: string[];

beforeEach(async () => {
  temporary = temporaryStore();
  ids = [];
  hive = createServer((request, response) => {
    const asked = new URL(request.url ?? '', 'http://h').searchParams.get('ids')?.split(',') ?? [];
    const attempts = asked.map((attempt_id) => ({
      ...{ attempt_id, node_id: NODE_ID, revision: 2, sync_state: 'complete', executions: 1, lines_stored: 1000 },
    }));
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ attempts }));
  });
  hive.listen(0, '127.0.0.1');
  await once(hive, 'listening');
  access = { hiveUrl: `ws://127.0.0.1:${(hive.address() as AddressInfo).port}/v1/nodes/ws`, apiKey: 'k' };
  meetHive(temporary.store, NODE_ID);
  for (let number = 0; number < 5; number++) record();
});
afterEach(() => {
  hive.close();
  temporary.remove();
});

/** An attempt of about 400 kB that the hive has in full. */
function record(): void {
  const { store } = temporary;
  const { key, id, attempt_id: attemptId, attempt_key: attemptKey } = endedExecution(store, { lines: 1000 });
  store.prepare('UPDATE log_page SET gzip = randomblob(400000) WHERE execution_key = ?').run(key);
  const revision = getAttempt(store, attemptKey)?.revision ?? 0;
  acknowledgeLines(store, { executionId: id, epoch: 1, storedThrough: 1000, revision });
  acknowledgeAttempt(store, attemptId, revision, 'complete');
  ids.push(attemptId);
}

describe('prune', () => {
  test('by size removes the oldest until the content is small enough, and gives the space back', async () => {
    const before = usedBytes(temporary.store);
    const {
      removed,
      freedBytes,
      usedBytes: used,
    } = await pruneStored(temporary.store, { maxBytes: 1_300_000 }, access);
    expect(removed).toEqual(ids.slice(0, 2));
    expect(used).toBeLessThanOrEqual(1_300_000);
    expect(freedBytes).toBeGreaterThanOrEqual(before - used);
    expect((await pruneStored(temporary.store, { maxBytes: 1_300_000 }, access)).removed).toEqual([]);
  });

  test('by age and by size removes what either says', async () => {
    const old = '2025-01-01T00:00:00.000Z';
    temporary.store.prepare('UPDATE attempt SET updated_at = ? WHERE id IN (?, ?)').run(old, ids[2], ids[4]);
    const rule = { olderThanDays: 30, maxBytes: 1_300_000 };
    expect((await pruneStored(temporary.store, rule, access)).removed).toEqual([ids[0], ids[1], ids[2], ids[4]]);
  });

  test('goes on where a killed one has left lines', async () => {
    temporary.store.prepare('UPDATE attempt SET pruned = 1 WHERE id = ?').run(ids[0]);
    temporary.store.prepare('UPDATE execution SET pruned = 1 WHERE key = 1').run();
    const { removed, freedBytes } = await pruneStored(temporary.store, { olderThanDays: 30 }, access);
    expect(removed).toEqual([]);
    expect(freedBytes).toBeGreaterThan(300_000);
  });

  test('by itself, as configured, while connected', async () => {
    const controller = new AbortController();
    const outcome = new Promise<string>((resolve) => {
      const options = {
        store: temporary.store,
        hive: access,
        logger: createLogger('silent'),
        firstMs: 1,
        everyMs: 1e6,
      };
      const rule = configuredPrune({ max_size: '1.3MB' }) ?? {};
      void pruneAutomatically({ ...options, rule, signal: controller.signal, pruned: resolve });
    });
    expect(await outcome).toMatch(/^2 attempts removed, \d+ kB given back, 1\.\d MB in use$/);
    controller.abort();
  });
});

test.each([
  ['500MB', 500_000_000],
  ['2 GiB', 2 * 1024 ** 3],
  ['1.5K', 1536],
  ['5', undefined],
  ['2 parsecs', undefined],
  ['-1GB', undefined],
])('the size %s is %s', (text, bytes) => expect(bytesOf(text)).toBe(bytes));

test('sizes are shown in units that people read', () => {
  expect([0, 999, 1234, 12_345_678, 1.5e12].map(showBytes)).toEqual(['0 B', '999 B', '1.2 kB', '12.3 MB', '1.5 TB']);
});

test.each([[{ max_size: 5 }], [{ older_than_days: '7' }], [{ older: 1 }], ['all'], [[1]]])(
  'a configuration that is wrong is refused: %j',
  (value) => expect(() => configuredPrune(value)).toThrow(/^prune/),
);
