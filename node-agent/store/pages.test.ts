import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkPage, encodeLine } from '../../protocol/page.js';
import { PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import { addLines, startExecution, temporaryStore, testLine, type TemporaryStore } from '../testing/temporary-store.js';
import { appendLines } from './lines.js';
import { readPages, type Page } from './pages.js';

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

  it('hold 1,000 lines each, as the protocol checks them', async () => {
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

  it('go on after the asked position and not beyond the asked end', async () => {
    const { key } = startExecution(temporary.store, { lines: 100 });
    expect(ranges(await pages(key, 10, 50))).toEqual([[11, 50]]);
    expect(ranges(await pages(key, 50, 50))).toEqual([]);
    expect(ranges(await pages(key, 90, 200))).toEqual([[91, 100]]);
  });

  it('end at 256 KiB; a longer line is a page of its own', async () => {
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

  it('are halved until they fit the gzip bound', async () => {
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

  it('end early when the execution is removed meanwhile', async () => {
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
