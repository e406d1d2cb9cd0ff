import { expect, test } from '@jest/globals';
import { moved } from './moves.js';
import { drawnRange, reachableRows, scrollTopFor, seenRange } from './window.js';

const view = { scrollTop: 0, height: 600, rowHeight: 36, length: 100_000 };

test('what is seen is drawn, with some rows around it, and changes by steps', () => {
  expect(seenRange(view)).toEqual({ first: 0, last: 16 });
  const near = drawnRange({ ...view, scrollTop: 36_000 });
  expect(near.first).toBeLessThanOrEqual(1000 - 12);
  expect(near.last).toBeGreaterThanOrEqual(1016 + 12);
  expect(near.last - near.first).toBeLessThan(60);
  expect(drawnRange({ ...view, scrollTop: 36_001 })).toEqual(near);
});

test('the end and an empty list are drawn too', () => {
  const end = drawnRange({ ...view, scrollTop: 100_000 * 36 - 600 });
  expect(end.last).toBe(99_999);
  const { first, last } = drawnRange({ ...view, length: 0 });
  expect(last).toBeLessThan(first);
  expect(drawnRange({ ...view, scrollTop: 1e9, length: 5 })).toEqual({ first: 0, last: 4 });
});

test('a row comes into view by the shortest way', () => {
  expect(scrollTopFor(5, view)).toBe(0);
  expect(scrollTopFor(16, view)).toBe(17 * 36 - 600);
  expect(scrollTopFor(10, { ...view, scrollTop: 3600 })).toBe(360);
});

test('the keyboard goes from row to row, by pages, and to the ends', () => {
  expect(moved('next', undefined, { ...view, scrollTop: 370 })).toBe(11); // the first one that is seen whole
  expect([moved('next', 4, view), moved('previous', 0, view), moved('next', 99_999, view)]).toEqual([5, 0, 99_999]);
  expect([moved('pageDown', 0, view), moved('pageUp', 20, view)]).toEqual([15, 5]);
  expect([moved('first', 9, view), moved('last', 9, view)]).toEqual([0, 99_999]);
  expect(moved('last', undefined, { ...view, length: 0 })).toBeUndefined();
});

test('a list is no higher than browsers can show', () => {
  expect(reachableRows(100_000, 64)).toBe(100_000);
  expect(reachableRows(1_000_000, 36) * 36).toBeLessThanOrEqual(15_000_000);
});
