/** Every frame that a version 1 node may send, and what it is answered with at once. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { register } from 'prom-client';
import { ScriptedV1Node } from '../../tests/harness/scripted-v1-node.js';
import { attemptData, executionData, taskData } from '../../tests/harness/scripted-v1-store.js';
import { startTestGateway, type TestGateway } from '../../tests/harness/test-gateway.js';

let hive: TestGateway;
const nodes: ScriptedV1Node[] = [];
beforeAll(async () => {
  hive = await startTestGateway();
});
afterEach(() => {
  for (const node of nodes.splice(0)) node.drop();
});
afterAll(() => hive.stop());

async function connect(secret?: string): Promise<ScriptedV1Node> {
  const node = new ScriptedV1Node(secret ?? (await hive.newKey()).secret, randomUUID());
  nodes.push(node);
  await node.connect(hive.url);
  await node.next('heartbeat_ack');
  return node;
}

async function totals(name: string): Promise<Record<string, number>> {
  const values = (await register.getSingleMetric(name)?.get())?.values ?? [];
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels['type'] ?? 'all'), value]));
}

const id = () => randomUUID();
const time = '2026-02-01T10:20:00.123456789Z';
const attempt = attemptData({ container_ref: null, created_at: time, updated_at: time });
const execution = executionData({
  attempt_id: attempt.attempt_id,
  run_reason: 'setupscript',
  status: 'running',
  exit_code: null,
  pid: 4242,
  started_at: time,
  completed_at: null,
  created_at: time,
});
const task = taskData({ shared_task_id: attempt.shared_task_id, created_at: time, updated_at: time });
const line = { output_type: 'stdout', content: 'x', timestamp: time };
const link = { local_project_id: id(), git_repo_path: '/home/me/repo', default_branch: 'main' };
const op = { op_type: 'task.upsert', entity_type: 'task', entity_id: id(), payload: {}, idempotency_key: 'k' };

/** The frame, what answers it, and what is done with it. */
const TABLE: [type: string, data: object, answers: string[], fate: 'served' | 'not served'][] = [
  [
    'heartbeat',
    { status: 'online', active_tasks: 0, available_capacity: 1, memory_usage: null, cpu_usage: null, timestamp: time },
    ['heartbeat_ack'],
    'served',
  ],
  ['attempt_sync', attempt, [], 'served'],
  ['execution_sync', execution, [], 'served'],
  [
    'logs_batch',
    {
      assignment_id: attempt.attempt_id,
      shared_task_id: null,
      execution_process_id: execution.execution_id,
      entries: [line],
      compressed: false,
    },
    [],
    'served',
  ],
  ['backfill_response', { request_id: id(), success: true, error: null, entities_sent: 0 }, [], 'served'],
  ['task_sync', task, ['task_sync_response'], 'served'],
  ['op_batch', { ops: [{ seq: 1, ...op, fencing_token: null }] }, ['op_ack'], 'served'],
  ['op_batch', { ops: [] }, ['op_ack'], 'served'],
  ['digest', { entries: [{ entity_type: 'task', entity_id: id(), version: 1 }] }, ['digest_result'], 'served'],
  ['lease_heartbeat', { assignment_ids: [id(), id()] }, [], 'not served'],
  ['ack', { message_id: id() }, [], 'not served'],
  ['error', { message_id: null, error: 'boom' }, [], 'not served'],
  [
    'label_sync',
    {
      label_id: id(),
      shared_label_id: null,
      project_id: null,
      remote_project_id: null,
      name: 'bug',
      icon: 'tag',
      color: '#3b82f6',
      version: 1,
      is_update: false,
    },
    [],
    'not served',
  ],
  [
    'task_status',
    {
      assignment_id: id(),
      local_task_id: id(),
      local_attempt_id: null,
      status: 'running',
      message: null,
      timestamp: time,
    },
    [],
    'not served',
  ],
  ['task_output', { assignment_id: id(), output_type: 'stdout', content: 'x', timestamp: time }, [], 'not served'],
  [
    'task_progress',
    { assignment_id: id(), event_type: 'agent_started', message: null, metadata: null, timestamp: time },
    [],
    'not served',
  ],
  ['deregister', { message_id: id(), reason: null }, [], 'not served'],
  [
    'auth',
    { api_key: 'x', machine_id: 'x', name: 'x', capabilities: {}, public_url: null, protocol_version: 1 },
    [],
    'not served',
  ],
];

test.each(TABLE)('%s', async (type, data, answers, fate) => {
  const node = await connect();
  const before = {
    faults: await totals('node_frame_faults_total'),
    notServed: await totals('node_frames_not_served_total'),
  };
  node.sendRaw(JSON.stringify({ type, data }));
  node.send('task_sync', { ...task, local_task_id: id(), status: 'no such status' }); // answered in its turn
  const last = (await node.next('task_sync_response'))['success'] === false;
  if (!last) await node.next('task_sync_response');
  const got = [...node.received.map((frame) => frame.type), ...(last ? [] : ['task_sync_response'])];
  expect(got).toEqual(answers);
  expect(node.isClosed).toBe(false);
  expect(await totals('node_frame_faults_total')).toEqual(before.faults);
  const counted = (await totals('node_frames_not_served_total'))[type] ?? 0;
  expect(counted - (before.notServed[type] ?? 0)).toBe(fate === 'not served' ? 1 : 0);
});

test.each([
  ['projects_sync', { projects: [{ ...link, name: 'repo' }] }],
  ['link_project', { project_id: id(), ...link }],
  ['unlink_project', { project_id: id() }],
])('%s is not answered', async (type, data) => {
  const node = await connect();
  node.sendRaw(JSON.stringify({ type, data }));
  node.send('digest', { entries: [] });
  await node.next('digest_result');
  expect(node.received).toEqual([]);
});

test('a large frame of far more values than any has is a fault, and is not parsed', async () => {
  const node = await connect();
  const { all = 0 } = await totals('node_frame_faults_total');
  const frame = (values: number) =>
    `{"type":"deregister","data":{"x":[${Array<string>(values).fill('{}').join(',')}]}}`;
  node.sendRaw(frame(400_000));
  node.sendRaw(frame(1_100_000));
  node.send('digest', { entries: [] });
  await node.next('digest_result');
  expect((await totals('node_frame_faults_total'))['all']).toBe(all + 1);
});

test('a frame of no known type is a fault', async () => {
  const node = await connect();
  const { all = 0 } = await totals('node_frame_faults_total');
  node.sendRaw('{"type":"no_such_frame","data":{}}');
  node.send('digest', { entries: [] });
  await node.next('digest_result');
  expect((await totals('node_frame_faults_total'))['all']).toBe(all + 1);
});

test('a node that asks to be deregistered keeps its session and what the hive has of it', async () => {
  const node = await connect();
  node.send('attempt_sync', { ...attempt, attempt_id: id() });
  node.send('deregister', { message_id: id(), reason: 'gone' });
  node.heartbeat();
  await node.next('heartbeat_ack');
  expect(node.received).toEqual([]);
  expect(node.isClosed).toBe(false);
});

describe('op_ack', () => {
  const ackOf = async (node: ScriptedV1Node, ...seqs: number[]) => {
    node.send('op_batch', { ops: seqs.map((seq) => ({ seq, ...op })) });
    return (await node.next('op_ack'))['applied_through_seq'];
  };

  test('never goes back, in whatever order batches come', async () => {
    const node = await connect();
    expect(await ackOf(node)).toBe(0);
    expect(await ackOf(node, -5, -1)).toBe(0);
    expect(await ackOf(node, 3, 7, 5)).toBe(7);
    expect(await ackOf(node, 1, 2)).toBe(7);
    expect(await ackOf(node, 8)).toBe(8);
    expect(await ackOf(node)).toBe(8);
  });

  test('goes on there on the node’s next connection, and is another node’s own', async () => {
    const { secret } = await hive.newKey();
    const machine = 'one machine';
    const first = new ScriptedV1Node(secret, machine);
    nodes.push(first);
    await first.connect(hive.url);
    expect(await ackOf(first, 1, 50)).toBe(50);
    first.drop();
    const second = new ScriptedV1Node(secret, machine);
    nodes.push(second);
    await second.connect(hive.url);
    expect(await ackOf(second, 1, 2)).toBe(50);
    expect(await ackOf(await connect(), 1, 2)).toBe(2);
  });

  test('is not sent for operations that can’t be counted, and the next batch is answered', async () => {
    const node = await connect();
    node.sendRaw('{"type":"op_batch","data":{"ops":[{"seq":9223372036854775807}]}}');
    node.sendRaw('{"type":"op_batch","data":{"ops":[{"seq":1.5}]}}');
    expect(await ackOf(node, 4)).toBe(4);
    expect(node.received).toEqual([]);
  });

  test('answers a batch of very many operations', async () => {
    const node = await connect();
    node.send('op_batch', { ops: Array.from({ length: 300_000 }, (_, seq) => ({ seq })) });
    expect(await node.next('op_ack')).toEqual({ applied_through_seq: 299_999 });
  });
});
