import { availableParallelism } from 'node:os';
import { expect, test } from '@jest/globals';
import { encodeLine, encodePageSync } from '../protocol/page.js';
import type { SearchedPart } from '../search/search-pages.js';
import { startSearchThreads } from './search-threads.js';

/** Of few characters, in an order in which no two places look alike: an ambiguous expression takes long for each. */
function part(lines: number, length: number): SearchedPart {
  let state = 1;
  const next = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) >> 16;
  const timestamp = '2026-01-01T10:00:00.000Z';
  const encoded = Array.from({ length: lines }, () => {
    const content = Array.from({ length }, () => 'ab'.charAt(next() % 2)).join('');
    return encodeLine({ output_type: 'stdout', content, timestamp });
  });
  const pages = [{ gzip: encodePageSync(encoded.join('\n')), firstSeq: 1, lastSeq: lines }];
  const bounds = { fromSeq: 1, toSeq: lines, limit: 10, context: 0, maxMs: 20_000, maxCharacters: 1e6 };
  return { pages, direction: 'forward', ...bounds };
}

test('regular expressions that take long hold up no search for a text', async () => {
  const threads = startSearchThreads();
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
