import { expect, jest, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { sweep, type Swept } from './sweep.js';

const ITEMS = Array.from({ length: 40 }, (_, index) => index);

function run(handle: (item: number) => Promise<boolean>, sweepMs?: number) {
  const activity = () => sweep(ITEMS, handle, sweepMs);
  return new MockActivityEnvironment().run<[], Swept<number>, typeof activity>(activity);
}

test('each item that fails is reported, and the others are handled', async () => {
  const swept = await run((item) =>
    item % 10 === 3 ? Promise.reject(new Error(`broken ${item}`)) : Promise.resolve(item % 2 === 0),
  );
  expect(swept).toMatchObject({ done: 40, changed: 20 });
  expect(swept.failures.map(({ item, error }) => [item, (error as Error).message])).toEqual(
    [3, 13, 23, 33].map((item) => [item, `broken ${item}`]),
  );
});

test('items that take long end the sweep in time, and what was done is always the first of them', async () => {
  const begun: number[] = [];
  let now = 0;
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => now);
  const { done } = await run((item) => {
    begun.push(item);
    now += 15; // eight are begun at once, and take 120 ms together
    return Promise.resolve(true);
  }, 200);
  clock.mockRestore();
  expect(done).toBe(16);
  expect(begun).toEqual(ITEMS.slice(0, done));
});
