import { beforeAll, expect, test } from '@jest/globals';
import type * as Remembered from './remembered-search.js';

const QUERY = { q: 'x', mode: 'word', ignoreCase: false, filters: {} } as const;
let remembered: typeof Remembered;

beforeAll(async () => {
  Object.assign(globalThis, {
    location: new URL('http://hive.test/search'),
    fetch: () => new Promise(() => undefined),
  });
  remembered = await import('./remembered-search.js');
});

test('whoever comes back finds the same search, and whoever submits it once more gets a new one', () => {
  const first = remembered.searchFor(QUERY);
  expect(remembered.searchFor({ ...QUERY })).toBe(first);
  remembered.forgetSearch();
  expect(remembered.searchFor(QUERY)).not.toBe(first);
});
