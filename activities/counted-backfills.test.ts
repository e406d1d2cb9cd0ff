/** Each backfill is counted once when it is requested and once when it ends, whichever part of the hive ends it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { register, type MetricValue } from 'prom-client';
import { backfillOptions, type BackfillAttempt, type BackfillInput } from '../backfills/definitions.js';
import { countRequest } from '../backfills/metrics.js';
import { TemporalDoor } from '../backfills/temporal-door.js';
import { checkPage } from '../protocol/page.js';
import { forOrganization } from '../prisma/organization-scope.js';
import { claimBackfill } from '../prisma/queries/claim-backfill.js';
import { holdForBackfill } from '../prisma/queries/hold-backfill.js';
import { settleBackfill } from '../prisma/queries/settle-backfill.js';
import { MoodyNode, type Mood } from '../tests/harness/moody-node.js';
import { ScriptedV1Node, v1Rows, type V1Attempt } from '../tests/harness/scripted-v1-node.js';
import { ASKS_AT_LOGIN_ONLY, startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { until } from '../tests/harness/until.js';
import { WorkflowWorld } from '../tests/harness/workflow-world.js';
import type { BatchConnection } from '../gateway/interface.js';
import { createGatewayActivities } from './gateway-activities.js';
import { createHiveActivities } from './hive-activities.js';

let hive: TestGateway;
let world: WorkflowWorld;
beforeAll(async () => {
  hive = await startTestGateway({ watchBounds: ASKS_AT_LOGIN_ONLY });
  world = await WorkflowWorld.create();
  const { database, gateway } = hive;
  const logger = pino({ level: process.env['HIVESYNC_TEST_LOG_LEVEL'] ?? 'silent' });
  const rest = { backfillConcurrency: 10, nodeTimeoutSeconds: 1, backfillTimeoutMinutes: 5 };
  const stopping = new AbortController().signal;
  const hiveActivities = createHiveActivities({ database, temporal: new TemporalDoor(), stopping, logger, ...rest });
  await world.work(world.queue, hiveActivities);
  const onSockets = createGatewayActivities({ database, gateway, checkPage, logger });
  for (const queue of [gateway.queue, `${gateway.queue}-read`]) await world.work(queue, onSockets);
});
afterAll(async () => {
  await world.stop();
  await hive.stop();
});

async function valuesOf(name: string): Promise<MetricValue<string>[]> {
  const metric = await register.getSingleMetric(name)?.get();
  return metric?.values ?? [];
}
const sum = (values: MetricValue<string>[]) => values.reduce((total, { value }) => total + value, 0);

async function counters() {
  const latency = (await valuesOf('backfill_latency_seconds')) as (MetricValue<string> & { metricName?: string })[];
  return {
    requests: sum(await valuesOf('backfill_requests_total')),
    successes: sum(await valuesOf('backfill_success_total')),
    failures: sum(await valuesOf('backfill_failures_total')),
    ends: sum(latency.filter(({ metricName }) => metricName === 'backfill_latency_seconds_count')),
    seconds: sum(latency.filter(({ metricName }) => metricName === 'backfill_latency_seconds_sum')),
  };
}

/** @returns by how much each counter grew */
async function counted(run: () => Promise<unknown>) {
  const before = await counters();
  await run();
  const after = await counters();
  return {
    requests: after.requests - before.requests,
    successes: after.successes - before.successes,
    failures: after.failures - before.failures,
    ends: after.ends - before.ends,
    seconds: after.seconds - before.seconds,
  };
}

const SUCCESS = { requests: 1, successes: 1, failures: 0, ends: 1 };
const FAILURE = { requests: 1, successes: 0, failures: 1, ends: 1 };

const syncOf = (attemptId: string) => hive.database.attemptSync.findUniqueOrThrow({ where: { attemptId } });

async function backfill(attemptId: string, changes: Partial<BackfillInput> = {}) {
  const { nodeId } = await syncOf(attemptId);
  const ref = { attemptId, nodeId, organizationId: hive.organizationId };
  const input: BackfillInput = {
    ...ref,
    nodeTimeoutSeconds: 1,
    trigger: 'reconnect',
    type: 'full_attempt',
    ...changes,
  };
  return world.client.workflow.execute<BackfillAttempt>('backfillAttempt', {
    ...backfillOptions(input),
    workflowId: world.client.names.backfillId(attemptId),
    taskQueue: world.queue,
    args: [input],
  });
}

/** As a read does. */
async function claim(attemptId: string): Promise<string> {
  const claimed = await claimBackfill(forOrganization(hive.database, hive.organizationId), attemptId);
  if (!claimed) throw new Error('there is nothing to claim');
  countRequest('read');
  return claimed.claimedAt;
}

const isKnown = (attemptId: string) =>
  until(async () => (await hive.database.attempt.count({ where: { id: attemptId } })) === 1, 60_000, 'it is announced');

describe('version 1', () => {
  async function announced(prepare: (node: ScriptedV1Node, attempt: V1Attempt) => unknown = () => undefined) {
    const node = new ScriptedV1Node((await hive.newKey()).secret, randomUUID());
    const attempt = node.addAttempt();
    node.addExecution(attempt, v1Rows(3));
    prepare(node, attempt);
    const { node_id: nodeId } = await node.connect(hive.url);
    node.pushAttempt(attempt);
    const { attempt_id: attemptId } = attempt.frame;
    await isKnown(attemptId);
    return { node, attempt, attemptId, nodeId: nodeId as string };
  }

  test('a backfill that completes the attempt is a success, with its time', async () => {
    const { node, attemptId } = await announced((node) => (node.beforeResponse = () => sleep(300)));
    const { seconds, ...counts } = await counted(() => backfill(attemptId));
    expect(await syncOf(attemptId)).toMatchObject({ state: 'complete' });
    expect(counts).toEqual(SUCCESS);
    expect(seconds).toBeGreaterThan(0.25);
    expect(seconds).toBeLessThan(20);
    node.drop();
  });

  test('so is one that a read has claimed', async () => {
    const { node, attemptId } = await announced();
    expect(
      await counted(async () => backfill(attemptId, { trigger: 'read', claim: await claim(attemptId) })),
    ).toMatchObject(SUCCESS);
    node.drop();
  });

  test('an answer that comes between two steps of a run is its success', async () => {
    const { node, attemptId, nodeId } = await announced();
    const runId = randomUUID();
    const counts = await counted(async () => {
      countRequest('manual');
      await holdForBackfill(hive.database, attemptId, runId, true);
      const connection = hive.gateway.connectionTo(nodeId) as BatchConnection;
      await connection.backfill(attemptId, 'full_attempt', new AbortController().signal);
      const settled = await settleBackfill(hive.database, { attemptId, runId, ending: 'done', progressed: true });
      expect(settled).toMatchObject({ state: 'complete', seconds: null });
      expect(await holdForBackfill(hive.database, attemptId, runId, false)).toMatchObject({ reason: 'complete' });
    });
    expect(counts).toMatchObject(SUCCESS);
    node.drop();
  });

  test('an attempt that becomes complete before the run that a read has started holds it is a success', async () => {
    const { node, attemptId, nodeId } = await announced();
    const counts = await counted(async () => {
      const claimedAt = await claim(attemptId);
      const connection = hive.gateway.connectionTo(nodeId) as BatchConnection;
      await connection.backfill(attemptId, 'full_attempt', new AbortController().signal);
      expect(await syncOf(attemptId)).toMatchObject({ state: 'complete' });
      await backfill(attemptId, { trigger: 'read', claim: claimedAt });
    });
    expect(counts).toMatchObject(SUCCESS);
    node.drop();
  });

  test('a backfill of an attempt that the node does not share, or no longer has, is a failure', async () => {
    for (const prepare of [
      (_: ScriptedV1Node, attempt: V1Attempt) => (attempt.isShared = false),
      (node: ScriptedV1Node) => node.attempts.clear(),
    ]) {
      const { node, attemptId } = await announced(prepare);
      expect(await counted(() => backfill(attemptId))).toMatchObject(FAILURE);
      expect(await syncOf(attemptId)).toMatchObject({ state: 'unavailable' });
      node.drop();
    }
  });

  test('frames that repeat what is complete count nothing', async () => {
    const { node, attempt, attemptId } = await announced();
    await backfill(attemptId);
    const counts = await counted(async () => {
      node.pushCycle();
      attempt.frame['branch'] = 'vk/other';
      node.pushAttempt(attempt);
      const isStored = async () =>
        JSON.stringify(
          await hive.database.attempt.findUniqueOrThrow({ where: { id: attemptId } }),
          (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value),
        ).includes('vk/other');
      await until(isStored, 60_000, 'it is stored');
    });
    expect(counts).toMatchObject({ requests: 0, successes: 0, failures: 0, ends: 0 });
    node.drop();
  });
});

describe('version 2', () => {
  async function announced(mood: Mood) {
    const node = new MoodyNode(hive.url, (await hive.newKey()).secret);
    node.mood = mood;
    await node.connect();
    return node;
  }

  test('a backfill that completes the attempt is a success', async () => {
    const node = await announced('serves');
    expect(await counted(() => backfill(node.attemptId))).toMatchObject(SUCCESS);
    await node.disconnect();
  });

  test('so is one of a complete attempt that a person asked for, although its first step finds it complete', async () => {
    const node = await announced('serves');
    await backfill(node.attemptId);
    const counts = await counted(async () => {
      countRequest('manual');
      await backfill(node.attemptId, { trigger: 'manual' });
    });
    expect(counts).toMatchObject(SUCCESS);
    await node.disconnect();
  });

  test('so is one whose attempt an announcement completes while it runs', async () => {
    const node = await announced('serves');
    await backfill(node.attemptId);
    const runId = randomUUID();
    const counts = await counted(async () => {
      countRequest('manual');
      await holdForBackfill(hive.database, node.attemptId, runId, true);
      node.attempt = { ...node.attempt, branch: 'other', revision: node.attempt.revision + 1 };
      node.executions = node.executions.map((execution) => ({ ...execution, revision: node.attempt.revision }));
      await node.announce();
      const isComplete = async () => (await syncOf(node.attemptId)).state === 'complete';
      await until(isComplete, 60_000, 'it is complete');
      const { attemptId } = node;
      const settled = await settleBackfill(hive.database, { attemptId, runId, ending: 'done', progressed: true });
      expect(settled).toMatchObject({ state: 'complete', seconds: null });
    });
    expect(counts).toMatchObject(SUCCESS);
    await node.disconnect();
  });

  test('a backfill of an attempt that the node does not have is a failure', async () => {
    const node = await announced('not_found');
    expect(await counted(() => backfill(node.attemptId))).toMatchObject(FAILURE);
    await node.disconnect();
  });
});
