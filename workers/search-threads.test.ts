import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { expect, test } from '@jest/globals';
import { encodeLine, encodePageSync } from '../protocol/page.js';
import type { PartOfLog } from '../search/search-lines.js';
import pg from 'pg';
import { createTestDatabase } from '../tests/harness/database.js';
import { until } from '../tests/harness/until.js';
import { judgeDatabaseError } from '../prisma/errors.js';
import { startSearchThreads } from './search-threads.js';

/** Threads give way to everything else: on a machine that is busy, one that starts gets next to nothing of it. */
const STARTED_MS = 60_000;

/** Nothing listens there. */
const NO_DATABASE = 'postgresql://hive@127.0.0.1:1/hive';

/** Of few characters, in an order in which no two places look alike: an ambiguous expression takes long for each. */
function part(lines: number, length: number): PartOfLog {
  let state = 1;
  const next = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) >> 16;
  const timestamp = '2026-01-01T10:00:00.000Z';
  const encoded = Array.from({ length: lines }, () => {
    const content = Array.from({ length }, () => 'ab'.charAt(next() % 2)).join('');
    return encodeLine({ output_type: 'stdout', content, timestamp });
  });
  const pages = [{ gzip: encodePageSync(encoded.join('\n')), firstSeq: 1, lastSeq: lines }];
  const bounds = { limit: 10, context: 0, maxMs: 20_000, maxCharacters: 1e6 };
  return {
    ...{ organizationId: randomUUID(), executionId: randomUUID(), ranges: [{ firstSeq: 1, lastSeq: lines }] },
    read: { storedLines: lines, pages, more: false },
    direction: 'forward',
    ...bounds,
  };
}

test('regular expressions that take long hold up no search for a text', async () => {
  const threads = startSearchThreads(NO_DATABASE);
  const ended = new AbortController();
  try {
    let done = 0;
    const slow = { q: '(a|b)*a(a|b){400}[cd]', regex: true, ignoreCase: false, words: false };
    const comparing = Array.from({ length: 2 * availableParallelism() }, async () => {
      await threads.search(slow, part(20, 200_000), ended.signal).catch(() => undefined);
      done++;
    });
    const text = { q: 'abba', regex: false, ignoreCase: false, words: false };
    const { matches } = await threads.search(text, part(20, 1000), AbortSignal.timeout(20_000));
    expect([matches.length, done]).toEqual([10, 0]);
    ended.abort();
    await Promise.all(comparing);
  } finally {
    await threads.stop();
  }
});

test('a thread that can’t read from the database says so as the driver does', async () => {
  const threads = startSearchThreads(NO_DATABASE);
  try {
    const query = { q: 'x', regex: false, ignoreCase: false, words: false };
    const unread = { ...part(1, 1), read: undefined };
    const error: unknown = await threads
      .search(query, unread, AbortSignal.timeout(STARTED_MS))
      .catch((fault: unknown) => fault);
    expect(judgeDatabaseError(error)).toMatchObject({ kind: 'passing', code: 'ECONNREFUSED' });
  } finally {
    await threads.stop();
  }
});

test('the connection of a thread that has nothing to do closes', async () => {
  const created = await createTestDatabase();
  const database = new pg.Client(created.url);
  const threads = startSearchThreads(created.url);
  try {
    await database.connect();
    const connections = async () => {
      const { rows } = await database.query<{ count: number }>(
        // autovacuum comes by, too
        `SELECT count(*)::int AS count FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
      );
      return rows[0]?.count;
    };
    const query = { q: 'x', regex: false, ignoreCase: false, words: false };
    const unread = { ...part(1, 1), read: undefined };
    const found = await threads.search(query, unread, AbortSignal.timeout(STARTED_MS));
    expect([found.pages, await connections()]).toEqual([0, 1]);
    await until(async () => (await connections()) === 0, 60_000, 'the connection has closed');
  } finally {
    await threads.stop();
    await database.end();
    await created.drop();
  }
});
