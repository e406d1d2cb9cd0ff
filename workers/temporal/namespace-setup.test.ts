import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { TemporalDoor } from '../../backfills/temporal-door.js';
import { World } from '../../tests/harness/world.js';
import { NamespaceSetup } from './namespace-setup.js';

let world: World;
beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.stop());

/** A hive's part of the setup. */
function newSetup(reconcileIntervalSeconds = 60): NamespaceSetup {
  const door = new TemporalDoor({ management: 60_000 });
  door.open(world.temporal);
  return new NamespaceSetup({
    door,
    namespace: world.namespace,
    installation: { ...world.temporal.installation, formerName: null },
    reconcileIntervalSeconds,
    logger: pino({ level: 'silent' }),
  });
}

const schedule = () => world.temporal.schedule.getHandle(world.temporal.names.reconcileScheduleId);
const interval = async () => (await schedule().describe()).spec.intervals?.map(({ every }) => every);

test('a schedule that was deleted while hives run is created again, whichever of them notices first', async () => {
  const hives = [newSetup(30), newSetup(30), newSetup(30)];
  await Promise.all(hives.map((hive) => hive.restore()));
  await schedule().delete();
  expect(await Promise.all(hives.map((hive) => hive.restore()))).toEqual([undefined, undefined, undefined]);
  expect(await interval()).toEqual([30_000]);
});

test('a schedule that a person has paused stays paused, also when hives start, and the reason says so', async () => {
  const hive = newSetup();
  await hive.restore();
  await schedule().pause('maintenance until Monday');
  for (const checking of [hive, newSetup()]) {
    expect(await checking.restore()).toMatch(/^the schedule \S+ is paused \(maintenance until Monday\); .*--unpause/);
  }
  expect((await schedule().describe()).state.paused).toBe(true);
  await schedule().unpause();
  expect(await hive.restore()).toBeUndefined();
});

test('an interval that a person has changed stays, until a hive starts with its own', async () => {
  const hive = newSetup(60);
  await hive.restore();
  await schedule().update(({ state, action, policies }) => ({
    state,
    action,
    policies,
    spec: { intervals: [{ every: 300_000 }] },
  }));
  await hive.restore();
  expect(await interval()).toEqual([300_000]);
  await newSetup(20).restore();
  expect(await interval()).toEqual([20_000]);
});
