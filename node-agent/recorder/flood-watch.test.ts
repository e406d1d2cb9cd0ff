import { expect, test } from '@jest/globals';
import { FloodWatch } from './flood-watch.js';

const MIB = 1024 * 1024;

interface Coming {
  /** Bytes a ms. */
  comes: (ms: number) => number;
  takes: number;
  forMs: number;
  runningMs?: number;
}

/** Output that comes at a rate from the start on, and an absorber that takes at another one. @returns when it waited */
function waits({ comes, takes, forMs, ...options }: Coming): number[] {
  let [now, came, taken] = [0, 0, 0];
  const watch = new FloodWatch({ ...options, now: () => now });
  const waited: number[] = [];
  for (; now < forMs; now += 20) {
    came += comes(now) * 20;
    if (watch.isFlood(taken, came - taken)) waited.push(now);
    else taken = Math.min(came, taken + takes * 20);
  }
  return waited;
}

const perMs = (mibPerSecond: number) => (mibPerSecond * MIB) / 1000;

test('output that the absorber can almost follow is absorbed all the time, also when it comes in bursts', () => {
  expect(waits({ comes: () => perMs(60), takes: perMs(40), forMs: 5000 })).toEqual([]);
  const burst = (ms: number) => (ms % 200 === 0 ? perMs(300) : 0);
  expect(waits({ comes: burst, takes: perMs(40), forMs: 5000 })).toEqual([]);
});

test('a flood waits from its first 100 ms until it is over', () => {
  const flood = (ms: number) => (ms < 800 ? perMs(250) : 0);
  const waited = waits({ comes: flood, takes: perMs(40), forMs: 3000 });
  expect(waited[0]).toBe(100);
  expect(waited.at(-1)).toBeLessThan(900);
  expect(waited).toHaveLength(((waited.at(-1) ?? 0) - 100) / 20 + 1);
});

test('a flood that has begun long before waits but for its first part', () => {
  const flood = () => perMs(250);
  const waited = waits({ comes: flood, takes: perMs(40), forMs: 200, runningMs: 10 });
  expect(waited).toEqual([20, 40, 60, 80, 100, 120, 140, 160, 180]);
});

test('a flood that goes on is absorbed as soon as much waits', () => {
  const waited = waits({ comes: () => perMs(250), takes: perMs(40), forMs: 5000 });
  expect(waited.at(-1)).toBeLessThan(1500);
});
