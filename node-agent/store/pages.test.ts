import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { checkPage, encodeLine } from '../../protocol/page.js';
import { PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import { storedLines } from '../testing/stored-lines.js';
import {
  addLines,
  finishExecution,
  startExecution,
  temporaryStore,
  testLine,
  type TemporaryStore,
} from '../testing/temporary-store.js';
import { appendLines } from './append-lines.js';
import { readPages, type Page } from './pages.js';
import { Database } from './sqlite.js';

describe('pages', () => {
  let temporary: TemporaryStore;
  beforeEach(() => {
    temporary = temporaryStore();
  });
  afterEach(() => temporary.remove());

  async function pages(key: number, after: number, through: number, maxGzip = 4 * 1024 * 1024): Promise<Page[]> {
    const all: Page[] = [];
    for await (const page of readPages(temporary.store, key, after, through, maxGzip)) all.push(page);
    return all;
  }
  const ranges = (all: Page[]) => all.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq]);

  test('contain 1,000 lines each, and pass the check of the protocol', async () => {
    const { key } = startExecution(temporary.store, { lines: 2500 });
    const all = await pages(key, 0, 2500);
    expect(ranges(all)).toEqual([
      [1, 1000],
      [1001, 2000],
      [2001, 2500],
    ]);
    for (const { gzip, firstSeq, lastSeq } of all) await checkPage(gzip, firstSeq, lastSeq);
    expect(
      gunzipSync(all[2]?.gzip ?? '')
        .toString()
        .split('\n')[499],
    ).toBe(testLine(2500));
  });

  test('are sealed as they fill up, and at the end', async () => {
    const { store } = temporary;
    const { key } = startExecution(store, { lines: 700 });
    const rows = () => store.value('SELECT count(*) FROM log_line WHERE execution_key = ?', key);
    const sealed = () =>
      store.prepare('SELECT first_seq, last_seq FROM log_page WHERE execution_key = ?').all(key).map(Object.values);
    expect([rows(), sealed()]).toEqual([700, []]);
    addLines(store, key, 1350);
    expect([rows(), sealed()]).toEqual([
      50,
      [
        [1, 1000],
        [1001, 2000],
      ],
    ]);
    const db = new Database(join(temporary.dataDir, 'node.db'), { readOnly: true });
    expect(storedLines(db, key)).toEqual(Array.from({ length: 2050 }, (_, index) => testLine(index + 1)));
    db.close();
    finishExecution(store, key);
    expect([rows(), sealed().at(-1)]).toEqual([0, [2001, 2050]]);
    const [, second] = await pages(key, 0, 2050);
    const stored = store.value('SELECT gzip FROM log_page WHERE first_seq = 1001') as Uint8Array;
    expect(second?.gzip.equals(stored)).toBe(true);
  });

  test('are cut from sealed ones if the hive has a part of their lines', async () => {
    const { key } = startExecution(temporary.store, { lines: 2500 });
    const all = await pages(key, 437, 1700);
    expect(ranges(all)).toEqual([
      [438, 1000],
      [1001, 1700],
    ]);
    for (const { gzip, firstSeq, lastSeq } of all) {
      const expected = Array.from({ length: lastSeq - firstSeq + 1 }, (_, index) => `${testLine(firstSeq + index)}\n`);
      expect(gunzipSync(gzip).toString()).toBe(expected.join(''));
    }
  });

  test('are made of rows in a store from before pages were sealed', async () => {
    const { store } = temporary;
    const { key } = startExecution(store);
    const insert = store.prepare('INSERT INTO log_line (execution_key, seq, line) VALUES (?, ?, ?)');
    const line = (seq: number) => testLine(seq).replace('line', seq === 1200 ? 'x'.repeat(300_000) : 'line');
    for (let seq = 1; seq <= 1500; seq++) insert.run(key, seq, line(seq));
    const all = await pages(key, 0, 1500);
    expect(all.map(({ gzip }) => gunzipSync(gzip).toString()).join('')).toBe(
      Array.from({ length: 1500 }, (_, index) => `${line(index + 1)}\n`).join(''),
    );
    expect(ranges(all).filter(([first, last]) => first === last)).toEqual([[1200, 1200]]);
    store.prepare('UPDATE execution SET log_lines = 1500 WHERE key = ?').run(key);
    addLines(store, key, 1);
    expect(ranges(await pages(key, 0, 1501))).toEqual([
      [1, 1000],
      [1001, 1199],
      [1200, 1200],
      [1201, 1501],
    ]);
  });

  test('end where a line is missing', async () => {
    const { store } = temporary;
    const { key } = startExecution(store, { lines: 1900 });
    store.prepare('DELETE FROM log_line WHERE seq = 1500').run();
    expect(ranges(await pages(key, 0, 1900))).toEqual([[1, 1000]]);
    store.prepare('DELETE FROM log_page').run();
    expect(ranges(await pages(key, 0, 1900))).toEqual([]);
  });

  test('start after the requested position and stop at the requested end', async () => {
    const { key } = startExecution(temporary.store, { lines: 100 });
    expect(ranges(await pages(key, 10, 50))).toEqual([[11, 50]]);
    expect(ranges(await pages(key, 50, 50))).toEqual([]);
    expect(ranges(await pages(key, 90, 200))).toEqual([[91, 100]]);
  });

  test('end at 256 KiB; a longer line is a page of its own', async () => {
    const { store } = temporary;
    const { key } = startExecution(store);
    const line = (bytes: number) =>
      encodeLine({ output_type: 'stdout', content: 'é'.repeat(bytes / 2), timestamp: '2026-01-01T00:00:00Z' });
    const half = PAGE_TARGET_RAW_BYTES / 2;
    store.write(() =>
      appendLines(store, key, 0, [line(half - 150), line(half - 150), line(100), line(half * 3), line(100)]),
    );
    expect(ranges(await pages(key, 0, 5))).toEqual([
      [1, 2],
      [3, 3],
      [4, 4],
      [5, 5],
    ]);
  });

  test('are halved until their gzip fits', async () => {
    const { store } = temporary;
    const { key } = startExecution(store);
    const lines = Array.from({ length: 8 }, () =>
      encodeLine({
        output_type: 'stdout',
        content: randomBytes(500).toString('hex'),
        timestamp: '2026-01-01T00:00:00Z',
      }),
    );
    store.write(() => appendLines(store, key, 0, lines));
    const all = await pages(key, 0, 8, 2000);
    expect(ranges(all).at(0)).toEqual([1, 2]);
    expect(ranges(all).at(-1)?.at(1)).toBe(8);
    expect(Math.max(...all.map(({ gzip }) => gzip.length))).toBeLessThanOrEqual(2000);
    await expect(pages(key, 0, 8, 300)).rejects.toMatchObject({ code: 'line_too_large' });
  });

  test('end early when the execution is removed meanwhile', async () => {
    const { store } = temporary;
    const { key } = startExecution(store, { lines: 10 });
    addLines(store, key, 9990);
    const reading = readPages(store, key, 0, 10_000, 4 * 1024 * 1024);
    await reading.next();
    store.prepare('DELETE FROM execution WHERE key = ?').run(key);
    const rest: Page[] = [];
    for await (const page of reading) rest.push(page);
    expect(rest.length).toBeLessThan(5);
  });
});
