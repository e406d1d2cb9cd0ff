import { expect, test } from '@jest/globals';
import { formatTime } from './timestamps.js';

const context = { startedAt: '2026-01-01T10:00:00Z', before: '2026-01-01T10:00:01.5Z' };

test('times are absolute, since the start, or since the line before', () => {
  const at = '2026-01-01T11:02:03.045678Z';
  const local = new Date(at);
  const hours = String(local.getHours()).padStart(2, '0');
  expect(formatTime('off', at, context)).toBe('');
  expect(formatTime('absolute', at, context)).toBe(`${hours}:${String(local.getMinutes()).padStart(2, '0')}:03.045`);
  expect(formatTime('relative', at, context)).toBe('+1:02:03.045');
  expect(formatTime('delta', '2026-01-01T10:00:01.75Z', context)).toBe('+00:00.250');
});

test('a clock that went back shows it, and a first line has no delta', () => {
  expect(formatTime('delta', '2026-01-01T10:00:01Z', context)).toBe('-00:00.500');
  expect(formatTime('delta', '2026-01-01T10:00:01Z', { ...context, before: undefined })).toBe('+00:00.000');
});
