import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HeightIndex } from './height-index.js';

const indexOf = (heights: readonly number[]) => {
  const index = new HeightIndex();
  for (const height of heights) index.push(height);
  return index;
};

test('tells where each item begins and which one is at an offset, also after heights have changed', () => {
  const heights = fc.array(fc.nat({ max: 500 }), { minLength: 1, maxLength: 200 });
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 500 })), { maxLength: 50 });
  fc.assert(
    fc.property(heights, changes, fc.nat({ max: 100_000 }), (given, changed, offset) => {
      const expected = [...given];
      const index = indexOf(given);
      for (const [at, height] of changed) {
        const item = at % expected.length;
        expect(index.set(item, height)).toBe(expected[item] !== height);
        expected[item] = height;
      }
      let sum = 0;
      let found = expected.length - 1;
      expected.forEach((height, item) => {
        expect(index.offsetOf(item)).toBe(sum);
        if (offset >= sum && offset < sum + height) found = item;
        sum += height;
      });
      expect(index.total).toBe(sum);
      expect(index.itemAt(offset)).toBe(found);
    }),
  );
});

test('an empty list has nothing', () => {
  const index = indexOf([]);
  expect([index.length, index.total, index.itemAt(5), index.offsetOf(0)]).toEqual([0, 0, 0, 0]);
});
