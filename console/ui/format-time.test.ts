import { expect, test } from '@jest/globals';
import { formatAgo, formatDuration, formatMoment } from './format-time.js';

const now = Date.parse('2026-11-27T12:00:00Z');
const SECOND = 1000;
const HOUR = 3600 * SECOND;

test('a moment is told by how long ago it was, and after a week by its day', () => {
  const ago = (ms: number) => formatAgo(now - ms, now);
  expect([0, 12, 59, 60, 3599].map((seconds) => ago(seconds * SECOND))).toEqual([
    ...['just now', '12 s ago', '59 s ago', '1 min ago', '59 min ago'],
  ]);
  expect([1, 47, 48, 160].map((hours) => ago(hours * HOUR))).toEqual(['1 h ago', '47 h ago', '2 d ago', '6 d ago']);
  expect(ago(15 * 24 * HOUR)).toBe('12 Nov');
  expect(ago(400 * 24 * HOUR)).toBe('23 Oct 2025');
});

test('a clock that is a little ahead is not told as the future', () => {
  expect(formatAgo(now + 30 * SECOND, now)).toBe('just now');
  expect(formatAgo(now + 2 * HOUR, now)).toBe('in 2 h');
  expect(formatAgo(now + 40 * 24 * HOUR, now)).toBe('6 Jan 2027');
  expect(formatAgo(NaN, now)).toBe('');
});

test('durations have two units at most', () => {
  expect([0, 0.44, 9.99, 10, 59.9, 60, 200, 3600, 7500, 90_000].map((s) => formatDuration(s * SECOND))).toEqual([
    ...['0.0 s', '0.4 s', '9.9 s', '10 s', '59 s', '1 min 00 s', '3 min 20 s', '1 h 00 min', '2 h 05 min', '1 d 1 h'],
  ]);
  expect([formatDuration(-5), formatDuration(NaN)]).toEqual(['0.0 s', '']);
});

test('a moment is written with date and time of day', () => {
  expect(formatMoment(now)).toMatch(/^2026-11-2[78] \d\d:\d\d:00$/);
  expect(formatMoment(NaN)).toBe('');
});
