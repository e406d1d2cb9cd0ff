import { expect, test } from '@jest/globals';
import { ItemWindow } from './item-window.js';

function windowOf(count: number, height = 50): ItemWindow {
  const window = new ItemWindow();
  window.resize(500);
  window.grow(count, () => height);
  return window;
}

test('draws what is seen and a little more, of however many', () => {
  const window = windowOf(10_000);
  window.scrolledTo(250_000);
  const drawn = window.drawn();
  expect(drawn.length).toBeLessThan(40);
  expect(drawn[0]).toEqual({ id: 4988, top: 249_400 });
});

test('what one looks at stays where it is while heights above it become known', () => {
  const window = windowOf(1000);
  window.scrolledTo(10_020);
  expect(window.measured(10, 90)).toBe(true);
  expect(window.measured(10, 90)).toBe(false);
  expect(window.top).toBe(10_060);
  window.measured(300, 400);
  expect(window.top).toBe(10_060);
});

test('follows the end, and no longer once something else is shown', () => {
  const window = windowOf(100);
  window.isFollowing = true;
  expect([window.top, window.isAtEnd]).toEqual([4500, true]);
  window.grow(101, () => 70);
  expect(window.top).toBe(4570);
  window.show(3);
  expect([window.top, window.isFollowing]).toEqual([142, false]);
});

test('moves to an item only if it is not seen', () => {
  const window = windowOf(100);
  window.scrolledTo(1000);
  window.show(25);
  expect(window.top).toBe(1000);
  window.show(40);
  expect(window.top).toBe(1558);
  window.show(2);
  expect(window.top).toBe(92);
});

test('a short list stands at the top', () => {
  const window = windowOf(3);
  window.scrolledTo(400);
  expect([window.top, window.isAtEnd, window.drawn().length]).toEqual([0, true, 3]);
});
