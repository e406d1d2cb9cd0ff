import { expect, jest, test } from '@jest/globals';
import { age, duration, sinceOption } from './time.js';

const now = new Date('2026-11-27T12:00:00Z');

test.each([
  ['2026-11-27T11:59:18Z', '42s'],
  ['2026-11-27T11:01:00Z', '59m'],
  ['2026-11-26T00:00:00Z', '36h'],
  ['2026-11-20T12:00:00Z', '7d'],
  ['1970-01-01T00:00:00Z', '1970-01-01'],
  ['2099-01-01T00:00:00Z', '2099-01-01'],
])('%s is %s old', (time, text) => expect(age(time, now)).toBe(text));

test.each([
  [1234, '1.2s'],
  [59_999, '59s'],
  [192_000, '3m12s'],
  [7_500_000, '2h05m'],
  [NaN, '-'],
])('%d ms is %s', (ms, text) => expect(duration(ms)).toBe(text));

test('a time is said as how long ago, as a day, or as a date', () => {
  jest.useFakeTimers({ now });
  const agoMs = (text: string) => now.getTime() - Date.parse(sinceOption(text));
  expect(agoMs('2h')).toBe(7_200_000);
  expect(agoMs('90s')).toBe(90_000);
  jest.useRealTimers();
  expect(sinceOption('2026-11-27T08:00:00+01:00')).toBe('2026-11-27T07:00:00.000Z');
  expect(new Date(sinceOption('yesterday')).getHours()).toBe(0);
  expect(new Date(sinceOption('2026-11-27')).getDate()).toBe(27);
  for (const wrong of ['', '2', '2y', 'tomorrow', '2026-13-01', '1; DROP'])
    expect(() => sinceOption(wrong)).toThrow('It must be like');
});
