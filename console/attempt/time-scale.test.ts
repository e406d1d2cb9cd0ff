import { expect, test } from '@jest/globals';
import { barOf, endOf, scaleOf } from './time-scale.js';

const START = '2026-01-01T10:00:00Z';
const at = (seconds: number) => Date.parse(START) + seconds * 1000;
const execution = (
  from: number,
  to: number | null,
  status: 'completed' | 'running' = to === null ? 'running' : 'completed',
) => ({
  started_at: new Date(at(from)).toISOString(),
  completed_at: to === null ? null : new Date(at(to)).toISOString(),
  status,
});

test('the scale goes from the first start to the last end, and with what runs to the present', () => {
  const ended = [execution(10, 20), execution(0, 5)];
  expect(scaleOf(ended, at(100))).toEqual({ from: at(0), to: at(20) });
  expect(scaleOf([...ended, execution(15, null)], at(100))).toEqual({ from: at(0), to: at(100) });
  expect(scaleOf([], at(0))).toBeUndefined();
});

test('bars stand where they were on it, and none is too narrow to be seen', () => {
  const scale = { from: at(0), to: at(100) };
  expect(barOf(execution(25, 75), scale, at(100))).toEqual({ left: 25, width: 50 });
  expect(barOf(execution(60, null), scale, at(100))).toEqual({ left: 60, width: 40 });
  expect(barOf(execution(100, 100), scale, at(100))).toEqual({ left: 99.2, width: 0.8 });
  expect(barOf(execution(0, 0), { from: at(0), to: at(0) }, at(0))).toEqual({ left: 0, width: 100 });
});

test('a clock of a node that is ahead, or that went back, makes no negative lengths', () => {
  expect(endOf(execution(50, null), at(10))).toBe(at(50));
  expect(endOf(execution(50, 40), at(60))).toBe(at(50));
  expect(endOf({ ...execution(50, null), status: 'killed' }, at(60))).toBe(at(50));
});
