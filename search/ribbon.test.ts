import { expect, test } from '@jest/globals';
import { buildRibbon, hasKey, MAX_COLUMNS } from './ribbon.js';

const keysFrom = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);

test.each([0, 1, 2, 63, 64, 65, 200, 2000, 20_000])('a filter of %i keys has all of them, and few others', (count) => {
  const keys = keysFrom(1, count);
  const ribbon = buildRibbon(keys, count * 9 + 1000);
  if (!ribbon) throw new Error('no filter');
  expect(keys.filter((key) => !hasKey(ribbon, key))).toEqual([]);
  const others = keysFrom(-20_001, 20_000).filter((key) => hasKey(ribbon, key)).length;
  expect(others / 20_000).toBeLessThan(1.5 * 2 ** -ribbon.columns + 0.001);
  if (count >= 2000) expect(ribbon.slots / count).toBeLessThan(1.12);
});

test('a filter has as many columns as there is room for', () => {
  const keys = keysFrom(-500, 1000);
  const columns = [500, 1200, 3300, 5600, 100_000].map((bits) => buildRibbon(keys, bits)?.columns);
  expect(columns).toEqual([undefined, 1, 3, 5, MAX_COLUMNS]);
});
