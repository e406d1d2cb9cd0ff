/** An original node at a whole hive: its conversation, and how its attempts are backfilled by the three triggers. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ScriptedV1Node, v1Rows, type V1Attempt } from './harness/scripted-v1-node.js';
import { taskData } from './harness/scripted-v1-store.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

interface Reading {
  attempt: Record<string, unknown>;
  executions: Record<string, unknown>[];
  is_complete: boolean;
  sync: { state: string };
}
interface LogPage {
  entries: { output_type: string; content: string; timestamp: string; execution_id: string }[];
  total_count: number;
}

let world: World;
let hive: HiveHandle;
const nodes: ScriptedV1Node[] = [];

beforeAll(async () => {
  world = await World.create();
  hive = await world.startHive({ env: { HIVE_RECONCILE_INTERVAL_SECONDS: '3600' } });
}, 180_000);

afterAll(async () => {
  for (const node of nodes) node.drop();
  await world.stop();
});

async function newNode(): Promise<ScriptedV1Node> {
  const node = new ScriptedV1Node(await world.newKey());
  nodes.push(node);
  return node;
}

const read = (id: string) => world.get<Reading>(hive, `/v1/nodes/task-attempts/${id}`);
const logs = (id: string, query = '') => world.get<LogPage>(hive, `/v1/swarm/attempts/${id}/logs${query}`);
const complete = (attempt: V1Attempt, timeoutMs = 60_000) =>
  until(async () => (await read(attempt.frame.attempt_id)).sync.state === 'complete', timeoutMs, 'complete');

async function startByHand(id: string): Promise<{ joined: boolean }> {
  const response = await fetch(`${hive.url}/v1/swarm/attempts/${id}/backfill`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await world.adminToken()}`, 'content-type': 'application/json' },
    body: '{}',
  });
  expect(response.status).toBe(202);
  return (await response.json()) as { joined: boolean };
}

test('a recorded conversation gets the answers that the node expects, and reads back field for field', async () => {
  const node = await newNode();
  const result = await node.connect(hive.url);
  expect(result).toMatchObject({
    success: true,
    error: null,
    protocol_version: 1,
    linked_projects: [],
    swarm_labels: [],
  });
  expect(await node.next('heartbeat_ack')).toEqual({ server_time: expect.stringMatching(/^\d{4}-.*Z$/) });

  const sharedTaskId = '03000000-0000-4000-8000-000000000003';
  node.send('projects_sync', {
    projects: [
      {
        local_project_id: '01000000-0000-4000-8000-000000000001',
        name: 'repo',
        git_repo_path: '/home/me/repo',
        default_branch: 'main',
      },
    ],
  });
  node.send('link_project', {
    project_id: '09000000-0000-4000-8000-000000000009',
    local_project_id: '01000000-0000-4000-8000-000000000001',
    git_repo_path: '/home/me/repo',
    default_branch: 'main',
  });
  node.send(
    'task_sync',
    taskData({
      local_task_id: '02000000-0000-4000-8000-000000000002',
      shared_task_id: sharedTaskId,
      local_project_id: '01000000-0000-4000-8000-000000000001',
    }),
  );
  expect(await node.next('task_sync_response')).toEqual({
    local_task_id: '02000000-0000-4000-8000-000000000002',
    shared_task_id: sharedTaskId,
    success: true,
    error: null,
  });

  const attempt = node.addAttempt({ attempt_id: '11000000-0000-4000-8000-000000000011', shared_task_id: sharedTaskId });
  const running = node.addExecution(
    attempt,
    [
      { output_type: 'stdout', content: 'line 1\n\u001b[32mok\u001b[0m "q" \\ 🐎', timestamp: '2026-02-01T10:00:00Z' },
      { output_type: 'stderr', content: '', timestamp: '2026-02-01T10:20:00.123Z' },
      { output_type: 'system', content: '[{"op":"add"}] \0', timestamp: '2026-02-01T10:20:00.123456789Z' },
    ],
    {
      execution_id: '21000000-0000-4000-8000-000000000021',
      executor_action: {
        typ: { type: 'CodingAgentInitialRequest', prompt: 'do it', executor_profile_id: { executor: 'CLAUDE_CODE' } },
        next_action: null,
      },
      before_head_commit: '0123456789abcdef0123456789abcdef01234567',
      status: 'running',
      exit_code: null,
      pid: 4242,
      completed_at: null,
    },
  );
  const dropped = node.addExecution(attempt, [], {
    execution_id: '22000000-0000-4000-8000-000000000022',
    run_reason: 'setupscript',
    dropped: true,
  });
  node.pushAttempt(attempt);
  node.pushExecution(attempt, running);
  node.pushExecution(attempt, dropped);
  const op = { op_type: 'task.upsert', entity_type: 'task', entity_id: randomUUID(), payload: {}, fencing_token: null };
  node.send('op_batch', { ops: [{ seq: 1, idempotency_key: 'task:1', ...op }] });
  node.send('digest', { entries: [{ entity_type: 'task', entity_id: randomUUID(), version: 1 }] });
  expect(await node.next('op_ack')).toEqual({ applied_through_seq: 1 });
  expect(await node.next('digest_result')).toEqual({ resend_from_seq: null, pull_entities: [] });

  await until(async () => (await logs(attempt.frame.attempt_id)).total_count === 3, 60_000, 'three lines');
  running.frame.status = 'completed';
  running.frame['completed_at'] = '2026-02-01T10:30:00Z';
  running.frame['exit_code'] = 0; // which the node keeps for itself: the hive has to ask
  await complete(attempt);

  const reading = await read(attempt.frame.attempt_id);
  const { attempt_id: id, ...fields } = attempt.frame;
  expect(reading.attempt).toMatchObject({
    ...fields,
    id,
    node_id: result['node_id'],
    title: 'Task',
    execution_count: 2,
  });
  expect(reading.executions).toHaveLength(2);
  for (const { frame } of [running, dropped]) {
    const { execution_id: executionId, ...rest } = frame;
    const stored = reading.executions.find((execution) => execution['id'] === executionId);
    expect(stored).toMatchObject({ ...rest, id: executionId, node_id: result['node_id'] });
  }
  const { entries } = await logs(id);
  expect(entries.map(({ output_type, content, timestamp }) => ({ output_type, content, timestamp }))).toEqual(
    running.rows,
  );
  expect(node.isClosed).toBe(false);
});

describe('its attempts are backfilled to complete', () => {
  test('after a reconnect, without help; and again when started by hand, with no line twice', async () => {
    const node = await newNode();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(2500));
    await node.connect(hive.url);
    node.pushAttempt(attempt);
    await complete(attempt);
    const id = attempt.frame.attempt_id;
    expect((await logs(id)).total_count).toBe(2500);
    const before = node.requests;
    // the attempt becomes complete a moment before its first backfill ends, and a request by hand would join that one
    await until(async () => !(await startByHand(id)).joined, 60_000, 'a backfill of its own');
    await until(() => node.requests > before, 60_000, 'a second request');
    await complete(attempt);
    const { entries, total_count: total } = await logs(id, '?limit=10000');
    expect(total).toBe(2500);
    expect(entries.map((entry) => entry.content)).toEqual(execution.rows.map((row) => row.content));
  });

  test('by a read, if the drain has not reached it yet', async () => {
    const node = await newNode();
    await node.connect(hive.url);
    const attempt = node.addAttempt();
    node.addExecution(attempt, v1Rows(10));
    node.pushAttempt(attempt);
    const id = attempt.frame.attempt_id;
    await until(async () => (await world.database.attempt.count({ where: { id } })) === 1, 60_000, 'known');
    // a read whose start a busy Temporal misses waits for nothing: the next one does
    const isComplete = async () =>
      (await world.get<Reading>(hive, `/v1/nodes/task-attempts/${id}?wait=20`)).sync.state === 'complete';
    await until(isComplete, 60_000, 'a read that waits gets it complete');
  });

  test('by the schedule, if a backfill has failed before', async () => {
    const node = await newNode();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(10));
    const { node_id: nodeId } = await node.connect(hive.url);
    const id = attempt.frame.attempt_id;
    node.pushAttempt(attempt);
    await complete(attempt);
    // the attempt becomes complete a moment before its first backfill ends, which would see what is done here
    await world.workflowRuns(`WorkflowId = "backfill/${id}"`, 1);
    // as an unfinished backfill leaves it, long enough ago
    await world.database.attempt.update({ where: { id }, data: { describedRevision: 0 } });
    await world.database.attemptSync.update({
      where: { attemptId: id },
      data: { state: 'partial', needsBackfill: true, retryAt: new Date(Date.now() - 1000) },
    });
    const before = node.fullRequests; // the gateway asks which executions there are whenever it finds an attempt incomplete
    await world.temporal.workflow.execute('reconcile', {
      taskQueue: 'hive.2',
      workflowId: `reconcile-${String(nodeId)}`,
    });
    // not through the API: a read would start a backfill of its own
    const stateOf = async () => (await world.database.attemptSync.findUnique({ where: { attemptId: id } }))?.state;
    await until(async () => (await stateOf()) === 'complete', 60_000, 'complete by the schedule');
    expect(node.fullRequests).toBe(before + 1);
    expect((await logs(id)).total_count).toBe(execution.rows.length);
  });

  test('one that is not shared or not known becomes unavailable and delays no other', async () => {
    const node = await newNode();
    await node.connect(hive.url);
    const lost = node.addAttempt();
    const hidden = node.addAttempt();
    const good = node.addAttempt();
    for (const attempt of [lost, hidden, good]) node.pushAttempt(attempt);
    node.attempts.delete(lost.frame.attempt_id);
    hidden.isShared = false;
    await complete(good);
    for (const [attempt, reason] of [
      [lost, 'not_found'],
      [hidden, 'not_shared'],
    ] as const) {
      await until(async () => (await read(attempt.frame.attempt_id)).sync.state === 'unavailable', 60_000, reason);
      expect((await read(attempt.frame.attempt_id)).sync).toMatchObject({ unavailable_reason: reason });
    }
  });
});

describe('the node agent speaks version 1', () => {
  test('its attempts become complete line for line, for a command that has ended and for a running one', async () => {
    const agent = world.newAgent('agent-v1');
    const { attemptId } = await agent.record(['seq', '1', '3000'], ['--task', randomUUID()]);
    const { attemptId: unshared } = await agent.record(['echo', 'not shared']);
    agent.connect(hive.url, await world.newKey(), ['--protocol', '1']);
    const isComplete = (id: string) =>
      until(async () => (await read(id)).sync.state === 'complete', 60_000, `${id} is complete`);
    await isComplete(attemptId);
    expect((await logs(attemptId, '?limit=10000')).entries.map((entry) => entry.content)).toEqual(
      Array.from({ length: 3000 }, (_, index) => String(index + 1)),
    );
    const running = agent.startRecording(
      ['sh', '-c', 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done'],
      ['--task', randomUUID()],
    );
    await isComplete(await running.attemptId);
    expect((await logs(await running.attemptId)).entries.map((entry) => entry.content)).toEqual([
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
    ]);
    expect(await world.database.attempt.count({ where: { id: unshared } })).toBe(0);
  });

  test('and afterwards version 2, as the same node with the same lines', async () => {
    const agent = world.newAgent('agent-moves');
    const key = await world.newKey();
    const { attemptId } = await agent.record(['seq', '1', '1500'], ['--task', randomUUID()]);
    for (const protocol of ['1', '2', '1']) {
      agent.connect(hive.url, key, ['--protocol', protocol]);
      await until(async () => (await read(attemptId)).sync.state === 'complete', 60_000, `complete by ${protocol}`);
      const { status } = await agent.record(['echo', `then ${protocol}`], ['--attempt', attemptId]);
      expect(status).toBe(0);
      const ends = `then ${protocol}`;
      await until(
        async () => {
          const { entries } = await logs(attemptId, '?limit=10000');
          return entries.at(-1)?.content === ends && (await read(attemptId)).sync.state === 'complete';
        },
        60_000,
        ends,
      );
      await agent.stop();
    }
    expect((await logs(attemptId)).total_count).toBe(1503);
  });
});

test('300 incomplete attempts are drained without the schedule, with no more than 4 requests outstanding', async () => {
  const node = await newNode();
  const attempts = Array.from({ length: 300 }, () => {
    const attempt = node.addAttempt();
    node.addExecution(attempt, v1Rows(20));
    return attempt;
  });
  const { node_id: nodeId } = await node.connect(hive.url);
  for (const attempt of attempts) node.pushAttempt(attempt);
  const count = () => world.database.attemptSync.count({ where: { nodeId: nodeId as string, state: 'complete' } });
  await until(async () => (await count()) === 300, 150_000, '300 complete');
  expect(node.mostOutstanding).toBeLessThanOrEqual(4);
}, 180_000);
