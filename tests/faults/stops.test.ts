/** A hive that is asked to stop gives up its nodes and its work, and another one goes on with both. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ChaosHive } from '../chaos/hive.js';
import type { ChaosNode } from '../chaos/node.js';
import { incompleteAttempts, verify } from '../chaos/verify.js';
import { ChaosWorld } from '../chaos/world.js';
import { within } from '../harness/until.js';
import { clientOfInstallation } from '../harness/installation.js';
import type { BackfillResult } from '../../backfills/definitions.js';

const LINES = 600_000;

let world: ChaosWorld;
let node: ChaosNode;
let hives: [ChaosHive, ChaosHive];
let attemptId: string;

beforeAll(async () => {
  world = await ChaosWorld.create({ name: 'stops', nodes: 1 });
  node = world.nodes[0] as unknown as ChaosNode;
  hives = world.hives as unknown as [ChaosHive, ChaosHive];
  const output = { tag: 'stops', seed: 1, lines: LINES, linesPerSecond: 0, finalNewline: true, hugeLine: false };
  ({ attemptId } = await node.record(1, output));
  await node.recorded();
  await world.startHives();
});

afterAll(async () => world.end());

test('SIGTERM in the middle of a pull: the socket closes with a reason, and the same workflow goes on at the other hive', async () => {
  node.connect();
  while ((await world.linesStored()) < 5000) await sleep(10);
  node.route.hive = 1;
  const stopping = Date.now();
  await hives[0].end('SIGTERM');
  const stoppedAfter = Date.now() - stopping;
  const storedAtStop = await world.linesStored();
  expect(storedAtStop).toBeLessThan(LINES); // it was in the middle
  await within(180_000, async () => (await incompleteAttempts(world)).length === 0); // so many lines, at any speed
  expect(await verify(world)).toMatchObject({ faults: [], lost: 0, doubled: 0, outOfOrder: 0, incomplete: 0 });
  expect(readFileSync(`${node.directory}.log`, 'utf8')).toContain('hive is shutting down');

  const connection = await Connection.connect({ address: world.temporalAddress });
  const client = await clientOfInstallation(world.database, connection);
  const handle = client.workflow.getHandle(client.names.backfillId(attemptId));
  const result = (await handle.result()) as BackfillResult;
  const { runId, raw } = await handle.describe();
  await connection.close();
  expect(raw.workflowExecutionInfo?.firstRunId).toBe(runId);
  expect(result).toMatchObject({ outcome: 'complete' });
  // lines of the last step at the stopping hive were stored but not reported, and were not pulled again
  expect(result.linesPulled).toBeLessThanOrEqual(LINES);
  process.stdout.write(
    `${JSON.stringify({ stopped_after_ms: stoppedAfter, stored_at_stop: storedAtStop, lines_pulled: result.linesPulled })}\n`,
  );
  await hives[0].start();
}, 300_000);

test('a rolling restart under load fails no read at the other hive', async () => {
  const failures: string[] = [];
  let reads = 0;
  for (const [restarted, other] of [hives, hives.toReversed() as typeof hives]) {
    let isRestarting = true;
    const readers = Array.from({ length: 4 }, async (_, reader) => {
      while (isRestarting) {
        const path =
          reader % 2 === 0 ? `/v1/nodes/task-attempts/${attemptId}` : `/v1/swarm/attempts/${attemptId}/logs?limit=1000`;
        const outcome = await world.get(other, path).then(
          async (response) => (response.ok && (await response.text()) !== '' ? undefined : String(response.status)),
          (error: unknown) => String(error),
        );
        if (outcome !== undefined) failures.push(outcome);
        reads++;
      }
    });
    await restarted.end('SIGTERM');
    await restarted.start();
    isRestarting = false;
    await Promise.all(readers);
  }
  expect(failures).toEqual([]);
  process.stdout.write(`${JSON.stringify({ rolling_restart_reads: reads })}\n`);
}, 180_000);
