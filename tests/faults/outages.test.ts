/** PostgreSQL or Temporal is away for a while: no process ends, nothing is lost, and everything goes on by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { OutputSpec } from '../chaos/lines.js';
import type { ChaosNode } from '../chaos/node.js';
import { incompleteAttempts, verify } from '../chaos/verify.js';
import { ChaosWorld } from '../chaos/world.js';
import { within } from '../harness/until.js';

/** `HIVESYNC_OUTAGE_SECONDS=60` makes the outages longer. */
const OUTAGE_SECONDS = Number(process.env['HIVESYNC_OUTAGE_SECONDS'] ?? 20);

let world: ChaosWorld;
let node: ChaosNode;

beforeAll(async () => {
  world = await ChaosWorld.create({ name: 'outages', nodes: 1 });
  node = world.nodes[0] as unknown as ChaosNode;
  await world.startHives();
  node.connect();
});

afterAll(async () => world.end());

let pids: (number | undefined)[];
beforeEach(() => {
  pids = processes();
});

function processes(): (number | undefined)[] {
  return [...world.hives.map(({ pid }) => pid), node.agent.connection?.child.pid];
}

function output(tag: string, seconds: number): OutputSpec {
  return { tag, seed: 1, lines: seconds * 200, linesPerSecond: 200, finalNewline: true, hugeLine: false };
}

/**
 * Expects every attempt to become complete and equal, and no process to have ended.
 * @returns how long it took, in seconds
 */
async function expectSettled(timeoutMs: number): Promise<number> {
  await node.recorded();
  const settled = await within(timeoutMs, async () => (await incompleteAttempts(world)).length === 0);
  expect(await verify(world)).toMatchObject({ faults: [], lost: 0, doubled: 0, outOfOrder: 0, incomplete: 0 });
  expect(processes()).toEqual(pids);
  return (settled ?? Infinity) / 1000;
}

test(`with the database down for ${OUTAGE_SECONDS} s, reads answer 503 with Retry-After, and no line is lost`, async () => {
  const { attemptId } = await node.record(1, output('database', OUTAGE_SECONDS + 6));
  await within(60_000, async () => (await world.linesStored(attemptId)) > 0);
  await world.servers.stop('postgres');
  const until = Date.now() + OUTAGE_SECONDS * 1000;
  let slowest = 0;
  let reads = 0;
  while (Date.now() < until) {
    for (const hive of world.hives) {
      const asked = Date.now();
      const response = await world.get(hive, `/v1/nodes/task-attempts/${attemptId}`);
      expect({ status: response.status, retryAfter: response.headers.has('retry-after') }).toEqual({
        status: 503,
        retryAfter: true,
      });
      slowest = Math.max(slowest, Date.now() - asked);
      reads++;
    }
    await sleep(500);
  }
  await world.servers.start('postgres');
  const settled = await expectSettled(120_000);
  process.stdout.write(
    `${JSON.stringify({ outage: 'database', seconds: OUTAGE_SECONDS, reads, slowest_ms: slowest, settled_after_seconds: settled })}\n`,
  );
}, 300_000);

test('with Temporal down, live lines are still mirrored and read', async () => {
  await world.servers.stop('temporal');
  const { attemptId } = await node.record(2, output('temporal', 8));
  const seen = await within(60_000, async () => (await world.linesStored(attemptId)) > 200);
  expect(seen).toBeDefined(); // Temporal comes back after that, so no line waits for it
  for (const hive of world.hives) {
    const attempt = await world.get(hive, `/v1/nodes/task-attempts/${attemptId}`);
    expect(attempt.status).toBe(200);
    const log = await world.get(hive, `/v1/swarm/attempts/${attemptId}/logs?limit=100`);
    expect(((await log.json()) as { entries: unknown[] }).entries).toHaveLength(100);
    await within(
      60_000,
      async () => ((await (await world.get(hive, '/readyz')).json()) as { temporal: string }).temporal === 'degraded',
    );
    const ready = await world.get(hive, '/readyz');
    expect({ status: ready.status, body: await ready.json() }).toMatchObject({
      status: 200,
      body: { temporal: 'degraded' },
    });
  }
  await node.recorded();
  await world.servers.start('temporal');
  await expectSettled(120_000);
}, 300_000);
