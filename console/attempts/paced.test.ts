import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { until } from '../../tests/harness/until.js';
import { Paced } from './paced.js';

test('what is asked for many times at once is done at once, and once more after a pause', async () => {
  const times: number[] = [];
  const work = new Paced(async () => {
    times.push(performance.now());
    await sleep(1);
  }, 100);
  for (let asked = 0; asked < 5; asked++) work.soon();
  expect(times).toHaveLength(1);
  await until(() => times.length === 2);
  const [first = 0, second = 0] = times;
  expect(second - first).toBeGreaterThanOrEqual(95);
  await sleep(250);
  expect(times).toHaveLength(2);
});

test('after its end nothing more is begun', async () => {
  let count = 0;
  const work = new Paced(() => Promise.resolve(void count++), 20);
  work.soon();
  work.soon();
  work.end();
  await sleep(100);
  expect(count).toBe(1);
});
