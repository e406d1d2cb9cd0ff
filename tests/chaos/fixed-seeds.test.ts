/**
 * The fault suite with seeds that together draw every kind of fault. `npm run chaos` runs any number of other seeds.
 */
import { expect, test } from '@jest/globals';
import { drawPlan, FAULT_KINDS } from './plan.js';
import { runSeed } from './run-seed.js';

const SEEDS = [169, 355];

test('the seeds draw every kind of fault', () => {
  const kinds = new Set(SEEDS.flatMap((seed) => drawPlan(seed).faults.map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual([...FAULT_KINDS].sort());
});

test('a seed always draws the same plan', () => {
  expect(drawPlan(7)).toEqual(drawPlan(7));
  expect(drawPlan(7)).not.toEqual(drawPlan(8));
});

test.each(SEEDS)(
  'seed %i: every line is in the hive once, whatever faults strike',
  async (seed) => {
    // the failure shows what is wrong and where to look
    expect(await runSeed(seed)).toMatchObject({ faults: [], lost: 0, doubled: 0, outOfOrder: 0, incomplete: 0 });
  },
  300_000,
);
