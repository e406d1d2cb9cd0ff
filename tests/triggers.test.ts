/** What starts a backfill, and what does not. The node is scripted, so that the hive's requests can be counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FleetNode } from './harness/fleet-node.js';
import { attemptOf } from './harness/api.js';
import { attemptFrame, executionFrame, pageOf, ScriptedNode } from './harness/scripted-node.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

let world: World;
let hive: HiveHandle;

beforeAll(async () => {
  world = await World.create();
  hive = await world.startHive({ env: { HIVE_RECONCILE_INTERVAL_SECONDS: '3600' } });
});

afterAll(async () => world.stop());

/** Connects a node with one ended attempt whose one line the hive does not have. It has not sent `announced`. */
async function nodeWithGap() {
  const node = await ScriptedNode.connect(hive.url, await world.newKey());
  const attempt = attemptFrame();
  const execution = executionFrame(attempt, { status: 'completed', exit_code: 0, log_lines: 1 });
  node.send('attempt_sync', attempt);
  node.send('execution_sync', execution);
  await node.next('sync_ack');
  return { node, attempt, execution };
}

/**
 * Answers the hive's next describe_attempt and read_logs as a node would. A read's claim is given back if a busy Temporal
 * misses its deadline: then the next read starts the backfill.
 */
async function serveOnce({ node, attempt, execution }: Awaited<ReturnType<typeof nodeWithGap>>): Promise<void> {
  const isAsked = async () => {
    if (node.received.some(({ type }) => type === 'describe_attempt')) return true;
    await attemptOf(world, hive, attempt.attempt_id);
    return false;
  };
  await until(isAsked, 60_000, 'the node is asked');
  const describe = await node.next('describe_attempt');
  node.send('attempt_described', { request_id: describe.request_id, attempt, executions: [execution], more: false });
  const read = await node.next('read_logs');
  node.sendPageBytes(await pageOf(['line']), {
    request_id: read.request_id,
    execution_id: execution.execution_id,
    log_epoch: 1,
    first_seq: 1,
    last_seq: 1,
  });
  node.send('logs_end', { request_id: read.request_id, log_lines: 1, log_epoch: 1, status: 'completed' });
}

test('a hundred reads of a partial attempt start one workflow, which completes it', async () => {
  const gap = await nodeWithGap();
  const id = gap.attempt.attempt_id;
  const reads = await Promise.all(Array.from({ length: 100 }, () => attemptOf(world, hive, id)));
  expect(reads.every((read) => read.attempt.id === id)).toBe(true);
  await serveOnce(gap);
  await until(async () => (await attemptOf(world, hive, id)).sync.state === 'complete', 60_000, 'complete');
  expect((await gap.node.next('sync_ack')).sync_state).toBe('complete');
  expect(await world.workflowRuns(`WorkflowId = "backfill/${id}"`, 1)).toHaveLength(1);
  gap.node.close();
});

test('?wait answers when the backfill has ended', async () => {
  const gap = await nodeWithGap();
  const waitForIt = () =>
    world.get<{ sync: { state: string } }>(hive, `/v1/nodes/task-attempts/${gap.attempt.attempt_id}?wait=20`);
  const waiting = waitForIt();
  await serveOnce(gap);
  const { sync } = await waiting;
  // a read whose start missed Temporal's deadline has nothing to wait for: the next one has
  expect(sync.state === 'complete' ? sync.state : (await waitForIt()).sync.state).toBe('complete');
  gap.node.close();
});

test("reads of an offline node's attempt start nothing", async () => {
  const gap = await nodeWithGap();
  gap.node.close();
  await gap.node.untilClosed();
  await until(async () => (await world.database.nodeLease.count()) === 0, 60_000, 'the lease is released');
  await attemptOf(world, hive, gap.attempt.attempt_id);
  await sleep(1500);
  expect(await world.workflowRuns(`WorkflowId = "backfill/${gap.attempt.attempt_id}"`)).toHaveLength(0);
});

test('50 running attempts without a gap cause no drain and no backfill', async () => {
  const node = await ScriptedNode.connect(hive.url, await world.newKey());
  const attempts = Array.from({ length: 50 }, () => attemptFrame());
  for (const attempt of attempts) {
    node.send('attempt_sync', attempt);
    node.send('execution_sync', executionFrame(attempt, { log_lines: 7 }));
  }
  node.send('announced', { count: 50 });
  await Promise.all(attempts.map(() => node.next('sync_ack')));
  await Promise.all(attempts.map(({ attempt_id: id }) => attemptOf(world, hive, id)));
  await sleep(2500); // Temporal's visibility lags
  const { nodeId } = await world.database.attempt.findFirstOrThrow({ where: { id: attempts[0]?.attempt_id ?? '' } });
  expect(await world.workflowRuns(`NodeId = "${nodeId}"`)).toEqual([]); // of other nodes, some may only now be listed
  node.close();
});

test('when many nodes come back at once, most of them need no drain, and each attempt is backfilled once', async () => {
  const keys = await Promise.all(Array.from({ length: 40 }, () => world.newKey()));
  const nodes = keys.map((key) => new FleetNode(hive.url.replace(/^http/, 'ws'), key));
  for (const node of nodes) node.record(2);
  const since = new Date().toISOString();
  await Promise.all(nodes.map((node) => node.connect()));
  const ofFleet = { attempt: { node: { name: 'fleet' } } };
  const isDone = async () =>
    (await world.database.attemptSync.count({ where: { ...ofFleet, state: 'complete' } })) === 80;
  await until(isDone, 90_000, 'all are complete'); // a drain that a busy Temporal misses is asked for again after 30 s
  const { _sum: sum } = await world.database.execution.aggregate({ where: ofFleet, _sum: { storedLines: true } });
  expect(sum.storedLines).toBe(nodes.reduce((lines, node) => lines + node.lines, 0));
  const runs = await world.workflowRuns(`WorkflowType = "backfillAttempt" AND StartTime >= "${since}"`, 80);
  expect(new Set(runs.map(({ workflowId }) => workflowId)).size).toBe(80);
  expect(runs).toHaveLength(80);
  const drains = await world.workflowRuns(`WorkflowType = "drainNode" AND StartTime >= "${since}"`);
  expect(drains.length).toBeLessThan(30);
  for (const node of nodes) node.terminate();
});

test('an attempt that the node no longer has becomes unavailable without retries; the others of the drain complete', async () => {
  const node = await ScriptedNode.connect(hive.url, await world.newKey());
  const attempts = Array.from({ length: 4 }, () => attemptFrame({ execution_count: 0 }));
  const gone = attempts[1];
  if (!gone) throw new Error('unreachable');
  const withLine = attempts.map((attempt) => ({ ...attempt, execution_count: 1 }));
  for (const attempt of withLine) {
    node.send('attempt_sync', attempt);
    await node.next('sync_ack');
  }
  node.send('announced', { count: 4 });
  let described = 0;
  for (let answered = 0; answered < 4; answered++) {
    const { request_id: requestId, attempt_id: id } = await node.next('describe_attempt');
    described++;
    if (id === gone.attempt_id) {
      node.send('request_failed', { request_id: requestId, code: 'not_found', message: 'no such attempt' });
    } else {
      const attempt = withLine.find((candidate) => candidate.attempt_id === id);
      if (!attempt) throw new Error(`asked for ${id}`);
      const execution = executionFrame(attempt, { status: 'completed', log_lines: 0 });
      node.send('attempt_described', { request_id: requestId, attempt, executions: [execution], more: false });
    }
  }
  for (const { attempt_id: id } of withLine) {
    const expected = id === gone.attempt_id ? 'unavailable' : 'complete';
    await until(async () => (await attemptOf(world, hive, id)).sync.state === expected, 60_000, `${id} is ${expected}`);
  }
  expect((await attemptOf(world, hive, gone.attempt_id)).sync.unavailable_reason).toBe('not_found');
  await sleep(1000);
  expect(node.received.filter((frame) => frame.type === 'describe_attempt')).toHaveLength(0);
  expect(described).toBe(4);
  node.send('attempt_sync', gone);
  await until(
    async () => (await attemptOf(world, hive, gone.attempt_id)).sync.state !== 'unavailable',
    60_000,
    'announced again',
  );
  node.close();
});
