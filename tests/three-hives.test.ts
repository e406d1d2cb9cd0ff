/**
 * Three hives and a `hive worker` on one PostgreSQL and one Temporal, as behind a load balancer. Hives are killed and
 * stopped while their nodes record and are backfilled. The nodes move to the next hive, and no line is lost.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { incompleteAttempts, verify } from './chaos/verify.js';
import { ChaosWorld } from './chaos/world.js';
import { within } from './harness/until.js';
import { clientOfInstallation } from './harness/installation.js';
import { signalDrain } from '../backfills/start.js';
import { Program } from './harness/processes.js';

const HIVES = 3;
const NODES = 6;
/** Recorded while nothing is connected. */
const OFFLINE = { linesPerSecond: 0, lines: 60_000, finalNewline: true, hugeLine: false };
/** Printed while hives come and go. */
const LIVE = { linesPerSecond: 200, lines: 3000, finalNewline: true, hugeLine: false };

let world: ChaosWorld;
let worker: Program | undefined;

beforeAll(async () => {
  world = await ChaosWorld.create({ name: 'three-hives', nodes: NODES, hives: HIVES });
  for (const [number, node] of world.nodes.entries()) {
    await node.record(1, { ...OFFLINE, tag: `offline-${number}`, seed: number });
    await node.recorded();
  }
  await world.startHives();
  worker = Program.start('workers/hive.js', {
    args: ['worker'],
    env: world.hiveEnv,
    logFile: join(world.directory, 'worker.log'),
  });
});

afterAll(async () => {
  await worker?.kill('SIGTERM');
  await world.end();
});

test('nodes that move between three hives because of kills and stops lose nothing', async () => {
  for (const [number, node] of world.nodes.entries()) {
    await node.record(2, { ...LIVE, tag: `live-${number}`, seed: 100 + number });
    node.connect();
  }
  expect(await within(60_000, async () => (await hivesWithLease()).size === HIVES)).toBeDefined();

  for (const [victim, signal] of [
    [0, 'SIGKILL'],
    [1, 'SIGTERM'],
    [2, 'SIGKILL'],
  ] as const) {
    await takeAway(victim, signal);
    await sleep(1500);
    await world.hives[victim]?.start();
    spreadNodes();
  }

  await Promise.all(world.nodes.map((node) => node.recorded()));
  expect(await within(120_000, async () => (await incompleteAttempts(world)).length === 0)).toBeDefined();
  expect(await verify(world)).toMatchObject({ faults: [], lost: 0, doubled: 0, outOfOrder: 0, incomplete: 0 });
  const lines = NODES * (OFFLINE.lines + LIVE.lines);
  expect(await world.linesStored()).toBe(lines);
}, 240_000);

test('every hive answers for every node, whichever hive has its socket', async () => {
  for (const hive of world.hives) {
    for (const { recordings } of world.nodes) {
      for (const { attemptId, output } of recordings) {
        const response = await world.get(hive, `/v1/nodes/task-attempts/${attemptId}`);
        const { sync } = (await response.json()) as { sync: object };
        expect(sync).toMatchObject({ state: 'complete', lines_stored: output.lines });
      }
    }
  }
});

test('the worker runs workflows, and activities that need no socket, even when no hive is there', async () => {
  await Promise.all(world.hives.map((hive) => hive.end('SIGTERM')));
  const connection = await Connection.connect({ address: world.temporalAddress });
  const client = await clientOfInstallation(world.database, connection);
  const { id: nodeId, organizationId } = await world.database.node.findFirstOrThrow();
  await signalDrain(client, { nodeId, organizationId, concurrency: 10, nodeTimeoutSeconds: 10 }, 'schedule');
  const drain = client.workflow.getHandle(client.names.drainId(nodeId));
  expect(await drain.result()).toEqual({ started: 0 });
  const { events } = await drain.fetchHistory();
  const identities = (events ?? []).flatMap(
    ({ workflowTaskCompletedEventAttributes: task, activityTaskStartedEventAttributes: activity }) =>
      task?.identity ?? activity?.identity ?? [],
  );
  await connection.close();
  expect(identities.length).toBeGreaterThanOrEqual(3);
  for (const identity of identities) expect(identity).toMatch(new RegExp(`^${worker?.child.pid ?? 0}@`));
});

/** Kills or stops the hive in the middle of its work. The load balancer directs its nodes to the next one. */
async function takeAway(victim: number, signal: NodeJS.Signals): Promise<void> {
  for (const { route } of world.nodes) if (route.hive === victim) route.hive = (victim + 1) % HIVES;
  await world.hives[victim]?.end(signal);
}

/** Lets new connections go to every hive again. Open ones stay where they are. */
function spreadNodes(): void {
  for (const [number, { route }] of world.nodes.entries()) route.hive = number % HIVES;
}

/** @returns the hives that have a node's lease now */
async function hivesWithLease(): Promise<Set<string>> {
  const leases = await world.database.nodeLease.findMany({ where: { expiresAt: { gt: new Date() } } });
  return new Set(leases.map(({ instanceId }) => instanceId));
}
