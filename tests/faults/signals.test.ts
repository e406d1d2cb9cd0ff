/** What signals do to a running hive. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../harness/until.js';
import { World, type HiveHandle } from '../harness/world.js';

let world: World;
let hive: HiveHandle;
beforeAll(async () => {
  world = await World.create();
  hive = await world.startHive({ env: { HIVE_SHUTDOWN_DELAY_SECONDS: '10' } });
});
afterAll(() => world.stop());

test('SIGHUP ends nothing; SIGTERM turns /readyz off first, and the hive answers until its delay is over', async () => {
  const { child } = hive.program;
  child.kill('SIGHUP');
  await sleep(300);
  expect((await fetch(`${hive.url}/readyz`)).status).toBe(200);
  child.kill('SIGTERM');
  const told = performance.now();
  const readyz = `${hive.url}/readyz`;
  await until(async () => (await fetch(readyz)).status === 503, 10_000, '/readyz is off');
  const ready = await fetch(readyz);
  expect({ status: ready.status, body: await ready.json() }).toMatchObject({
    status: 503,
    body: { database: 'ok', reasons: { hive: 'stopping' } },
  });
  await sleep(1500);
  expect(await world.get(hive, '/v1/nodes')).toEqual([]);
  expect(await hive.program.exit()).toBe(0);
  expect(performance.now() - told).toBeGreaterThan(10_000);
});
