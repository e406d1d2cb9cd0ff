import { beforeEach, expect, jest, test } from '@jest/globals';
import type * as Attended from './attended.js';

const MINUTE = 60_000;
let attended: typeof Attended;
let page: EventTarget;

beforeEach(async () => {
  jest.useFakeTimers();
  jest.resetModules();
  page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.removeEventListener = page.removeEventListener.bind(page);
  attended = await import('./attended.js');
});

const isAttended = () => Object.keys(attended.attendance()).length === 0;

test('what a page asks counts as use for five minutes after somebody touched it', () => {
  const end = attended.watchAttendance(() => undefined);
  expect(isAttended()).toBe(true);
  jest.advanceTimersByTime(6 * MINUTE);
  expect(isAttended()).toBe(false);
  page.dispatchEvent(new Event('wheel'));
  expect(isAttended()).toBe(true);
  end();
  jest.advanceTimersByTime(6 * MINUTE);
  page.dispatchEvent(new Event('wheel'));
  expect(isAttended()).toBe(false);
});

test('somebody who only looks at what is loaded is told of, now and then', () => {
  const tell = jest.fn(() => void attended.attendance());
  attended.watchAttendance(tell);
  for (let minute = 0; minute < 60; minute++) {
    jest.advanceTimersByTime(MINUTE);
    page.dispatchEvent(new Event('keydown'));
  }
  expect(tell.mock.calls.length).toBeGreaterThanOrEqual(5);
  expect(tell.mock.calls.length).toBeLessThan(7);
});
