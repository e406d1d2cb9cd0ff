import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../tests/harness/until.js';
import { World } from '../tests/harness/world.js';
import { TemporalDoor } from './temporal-door.js';

let world: World;
beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.stop());

test('long polls of one process are bounded, and those that wait get the place of one that ends or is given up', async () => {
  const door = new TemporalDoor();
  door.open(world.temporal);
  const polls: (() => void)[] = [];
  let open = 0;
  let most = 0;
  const poll = async () => {
    most = Math.max(most, ++open);
    await new Promise<void>((end) => polls.push(end));
    open--;
  };
  const leaving = new AbortController();
  const staying = new AbortController();
  const first = Array.from({ length: 100 }, () => door.follow(staying.signal, poll));
  const left = Array.from({ length: 50 }, () => door.follow(leaving.signal, poll).catch((error: unknown) => error));
  const last = door.follow(staying.signal, () => Promise.resolve('followed'));
  await until(() => open === 100, 60_000, 'the limit is reached');
  leaving.abort(new Error('the step is over'));
  polls[0]?.();
  expect(await last).toBe('followed'); // what was given up took no place
  expect(await Promise.all(left)).toEqual(left.map(() => leaving.signal.reason as Error));
  for (const end of polls) end();
  await Promise.all(first);
  expect(most).toBe(100);
});
