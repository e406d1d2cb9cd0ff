import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  askedAtLogin,
  ASKS_AT_LOGIN_ONLY,
  batchConnectionTo,
  startTestGateway,
  type TestGateway,
} from '../../tests/harness/test-gateway.js';
import { storedLinesOf } from '../../tests/harness/page-lines.js';
import { ScriptedV1Node, v1Rows, type V1Attempt, type V1Execution } from '../../tests/harness/scripted-v1-node.js';
import { taskData } from '../../tests/harness/scripted-v1-store.js';
import { until } from '../../tests/harness/until.js';
import type { Gateway } from '../gateway.js';
import type { BatchConnection, NodeRequestError } from '../interface.js';
import type { Database } from '../../prisma/database.js';

let testGateway: TestGateway;
let database: Database;
let gateway: Gateway;
let url: string;
let organizationId: string;
let drained: string[];
const nodes: ScriptedV1Node[] = [];
const newKey = async () => (await testGateway.newKey()).secret;

beforeAll(async () => {
  testGateway = await startTestGateway({ watchBounds: ASKS_AT_LOGIN_ONLY });
  ({ database, gateway, url, organizationId, drained } = testGateway);
});

afterEach(() => {
  for (const node of nodes.splice(0)) node.drop();
  drained.length = 0;
});

afterAll(() => testGateway.stop());

async function newNode(secret?: string, machineId?: string): Promise<ScriptedV1Node> {
  const node = new ScriptedV1Node(secret ?? (await newKey()), machineId);
  nodes.push(node);
  return node;
}

/** A connected node, and what activities see of it. */
async function connected(prepare: (node: ScriptedV1Node) => void = () => undefined) {
  const node = await newNode();
  prepare(node);
  const { node_id: nodeId } = await node.connect(url);
  return { node, nodeId: nodeId as string, connection: connectionTo(nodeId as string) };
}

const connectionTo = (nodeId: string) => batchConnectionTo(gateway, nodeId);

const never = new AbortController().signal;
const full = (connection: BatchConnection, { frame }: V1Attempt) =>
  connection.backfill(frame.attempt_id, 'full_attempt', never);

const syncOf = (attemptId: string) => database.attemptSync.findUniqueOrThrow({ where: { attemptId } });
const stateOf = async ({ frame }: V1Attempt) => (await syncOf(frame.attempt_id)).state;
const known = ({ frame }: V1Attempt) =>
  until(async () => (await database.attempt.count({ where: { id: frame.attempt_id } })) === 1);

const linesOf = async ({ frame }: V1Execution) =>
  (await storedLinesOf(database, frame.execution_id)).map((line) => line.content);
const contents = (execution: V1Execution) => execution.rows.map((row) => row.content);
const storedLines = async ({ frame }: V1Execution) =>
  (await database.execution.findUnique({ where: { id: frame.execution_id } }))?.storedLines;

describe('login', () => {
  test('is answered in the original’s shape, even if it fails', async () => {
    const node = await newNode();
    expect(await node.connect(url)).toEqual({
      success: true,
      node_id: expect.any(String),
      organization_id: organizationId,
      error: null,
      protocol_version: 1,
      linked_projects: [],
      swarm_labels: [],
    });
    const stranger = await newNode('0'.repeat(64));
    expect(await stranger.connect(url)).toEqual({
      success: false,
      node_id: null,
      organization_id: null,
      error: 'invalid API key',
      protocol_version: 1,
      linked_projects: [],
      swarm_labels: [],
    });
    await until(() => stranger.isClosed);
    expect((await (await newNode('short')).connect(url))['error']).toBe('invalid API key');
  });

  test('two nodes on one host are told apart by their keys', async () => {
    const a = await newNode();
    const b = await newNode();
    const first = await a.connect(url);
    const second = await b.connect(url);
    expect(second['node_id']).not.toBe(first['node_id']);
    a.drop();
    const again = await newNode(a.apiKey);
    expect((await again.connect(url))['node_id']).toBe(first['node_id']);
  });

  test('a key moves to another machine only when its node is gone, and the fourth try blocks it', async () => {
    const node = await newNode();
    const { node_id: nodeId } = await node.connect(url);
    const elsewhere = await newNode(node.apiKey, 'ffffffffffffffff');
    for (const attempt of [1, 2, 3]) {
      expect((await elsewhere.connect(url))['error']).toBe(
        `takeover detected: Another machine is using this API key. Attempt ${attempt} of 3. Wait for the other node to go offline or contact admin.`,
      );
    }
    expect((await elsewhere.connect(url))['error']).toMatch(/^API key blocked: /);
    const moved = await newNode();
    const movedId = (await moved.connect(url))['node_id'] as string;
    moved.drop();
    // its last heartbeat may still be written as long as it has a lease
    await until(async () => (await database.nodeLease.count({ where: { nodeId: movedId } })) === 0);
    await database.node.update({ where: { id: movedId }, data: { lastHeartbeatAt: new Date(Date.now() - 91_000) } });
    expect((await (await newNode(moved.apiKey, 'ffffffffffffffff')).connect(url))['node_id']).toBe(movedId);
    expect(movedId).not.toBe(nodeId);
  });

  test('a second session of a node supersedes the first, which is told why', async () => {
    const node = await newNode();
    const { node_id: nodeId } = await node.connect(url);
    const second = await newNode(node.apiKey);
    expect((await second.connect(url))['node_id']).toBe(nodeId);
    expect((await node.next('close'))['reason']).toContain('superseded');
    await until(() => node.isClosed);
    second.heartbeat();
    await second.next('heartbeat_ack');
  });
});

describe('frames', () => {
  test('junk, unknown types and binary frames are ignored without an answer', async () => {
    const { node } = await connected();
    for (let index = 0; index < 20; index++) node.sendRaw('{junk');
    node.sendRaw(Buffer.from([1, 2, 3]));
    node.send('link_project', { project_id: randomUUID() });
    node.send('lease_heartbeat', { assignment_ids: [] });
    node.send('attempt_sync', { attempt_id: 'x' });
    await node.next('heartbeat_ack');
    node.heartbeat();
    await node.next('heartbeat_ack');
    expect(node.received).toEqual([]);
  });

  test('tasks are stored under their shared id or a new one, and their attempts show their titles', async () => {
    const { node } = await connected();
    const attempt = node.addAttempt();
    node.pushAttempt(attempt);
    const task = taskData({ shared_task_id: attempt.frame.shared_task_id, title: 'Task\0one' });
    node.send('task_sync', task);
    const { local_task_id, shared_task_id } = task;
    expect(await node.next('task_sync_response')).toEqual({
      local_task_id,
      shared_task_id,
      success: true,
      error: null,
    });
    const titleOf = async () => {
      const [row] = await database.$queryRaw<{ metadata: string }[]>`
        SELECT metadata::text AS metadata FROM attempt WHERE id = ${attempt.frame.attempt_id}::uuid`;
      return (JSON.parse(row?.metadata ?? '{}') as { title: string }).title;
    };
    expect(await titleOf()).toBe('Task\0one');
    node.send('task_sync', { ...task, title: 'renamed', version: 2 });
    await node.next('task_sync_response');
    expect(await titleOf()).toBe('renamed');

    const local = { ...task, local_task_id: randomUUID(), shared_task_id: null };
    node.send('task_sync', local);
    node.send('task_sync', local);
    const first = await node.next('task_sync_response');
    expect(first['success']).toBe(true);
    expect(await node.next('task_sync_response')).toEqual(first);
    node.send('task_sync', { ...local, status: 'in_progress' });
    expect(await node.next('task_sync_response')).toMatchObject({
      shared_task_id: '00000000-0000-0000-0000-000000000000',
      success: false,
    });
  });

  test('op_batch and digest get what the node waits for', async () => {
    const { node } = await connected();
    node.send('op_batch', { ops: [{ seq: 3, payload: {} }, { seq: 7 }] });
    expect(await node.next('op_ack')).toEqual({ applied_through_seq: 7 });
    node.send('digest', { entries: [{ entity_type: 'task', entity_id: randomUUID(), version: 1 }] });
    expect(await node.next('digest_result')).toEqual({ resend_from_seq: null, pull_entities: [] });
  });

  test('a repeated attempt_sync changes nothing', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    node.addExecution(attempt, v1Rows(3));
    node.pushCycle();
    await node.settled();
    await full(connection, attempt);
    const before = await database.attempt.findUniqueOrThrow({ where: { id: attempt.frame.attempt_id } });
    expect(await stateOf(attempt)).toBe('complete');
    for (let index = 0; index < 3; index++) {
      // some versions of the node touch the attempt whenever the task's answer comes
      attempt.frame['updated_at'] = `2026-02-01T10:3${index}:00Z`;
      node.pushCycle();
      await node.settled();
    }
    expect(await database.attempt.findUniqueOrThrow({ where: { id: attempt.frame.attempt_id } })).toEqual(before);
    expect(await stateOf(attempt)).toBe('complete');
    attempt.frame['branch'] = 'vk/other';
    node.pushAttempt(attempt);
    await node.settled();
    const after = await database.attempt.findUniqueOrThrow({ where: { id: attempt.frame.attempt_id } });
    expect(after.metadata).toMatchObject({ branch: 'vk/other' });
    expect(await stateOf(attempt)).toBe('complete');
  });

  test('the drain is requested once the node has announced what it has', async () => {
    const { node, nodeId } = await connected();
    node.pushAttempt(node.addAttempt());
    await until(() => drained.includes(nodeId));
  });
});

describe('logs', () => {
  test('lines that are pushed live and backfilled twice are stored once', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(1200), { status: 'running', completed_at: null });
    for (let cycle = 0; cycle < 3; cycle++) node.pushCycle();
    await until(async () => (await storedLines(execution)) === 1200);
    execution.frame.status = 'completed';
    node.pushCycle();
    await node.settled();
    expect(await stateOf(attempt)).toBe('partial');
    await full(connection, attempt);
    await full(connection, attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await stateOf(attempt)).toBe('complete');
  });

  test('lines that a backfill brought and that are pushed afterwards are stored once, and so are the new ones after them', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(700), { status: 'running' });
    await full(connection, attempt);
    expect(await storedLines(execution)).toBe(700);
    execution.rows.push(...v1Rows(100, 701));
    for (let cycle = 0; cycle < 2; cycle++) node.pushCycle();
    await node.settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect((await syncOf(attempt.frame.attempt_id)).needsBackfill).toBe(false);
  });

  test('an attempt is complete only after a backfill that began after its last execution had ended', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(5), { status: 'running' });
    node.pushCycle();
    await until(async () => (await storedLines(execution)) === 5);
    node.beforeResponse = async () => {
      execution.frame.status = 'completed';
      node.send('execution_sync', execution.frame);
      await Promise.resolve();
    };
    await full(connection, attempt);
    expect(await syncOf(attempt.frame.attempt_id)).toMatchObject({ state: 'partial', needsBackfill: true });
    execution.rows.push(...v1Rows(1, 6)); // written at the very end
    await full(connection, attempt);
    expect(await stateOf(attempt)).toBe('complete');
    expect(await linesOf(execution)).toHaveLength(6);
  });

  test('live batches are replaced by the whole log if lines before them were lost', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(20));
    execution.pushed.rows = 15; // rows 1 to 15 went to another hive, or were lost
    node.pushCycle();
    await until(async () => (await storedLines(execution)) === 5);
    await full(connection, attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await stateOf(attempt)).toBe('complete');
    await full(connection, attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    const row = await database.execution.findUniqueOrThrow({ where: { id: execution.frame.execution_id } });
    expect(row).toMatchObject({ logEpoch: 2, storedEpoch: 2, storedLines: 20 });
  });

  test('live batches in the middle of a backfill are told apart from the log that it brings', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(10), { status: 'running' });
    node.pushCycle();
    await until(async () => (await storedLines(execution)) === 10);
    node.beforeResponse = () => {
      execution.rows.push(...v1Rows(5, 11));
      node.pushExecution(attempt, execution);
    };
    await full(connection, attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    node.beforeResponse = () => undefined;
    await full(connection, attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
  });

  test('rows lost while an execution runs make its attempt need a backfill, after which live rows are appended again', async () => {
    const { node, nodeId, connection } = await connected();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(10), { status: 'running' });
    await full(connection, attempt);
    execution.rows.push(...v1Rows(10, 11));
    execution.pushed.rows = 15; // rows 1 to 15 were written to a socket that died
    node.drop();
    await until(() => gateway.connectionTo(nodeId) === undefined);
    await node.connect(url);
    node.pushCycle();
    await node.settled();
    expect(await syncOf(attempt.frame.attempt_id)).toMatchObject({ needsBackfill: true });
    expect(await linesOf(execution)).toHaveLength(10);
    await full(connectionTo(nodeId), attempt);
    expect(await syncOf(attempt.frame.attempt_id)).toMatchObject({ needsBackfill: false });
    execution.rows.push(...v1Rows(3, 21));
    node.pushCycle();
    await node.settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await syncOf(attempt.frame.attempt_id)).toMatchObject({ needsBackfill: false });
  });

  test('lines beyond the end of the node’s log are removed once a backfill has shown where it ends', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(10));
    node.pushCycle();
    node.sendBatch(attempt, execution, v1Rows(3, 8)); // a live batch that came twice
    await node.settled();
    expect(await storedLines(execution)).toBe(13);
    await full(connection, attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await stateOf(attempt)).toBe('complete');
  });

  test('a log that comes in several batches is put together, every time', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(1700));
    node.rowsPerBatch = 600;
    for (let time = 0; time < 3; time++) {
      await full(connection, attempt);
      expect(await linesOf(execution)).toEqual(contents(execution));
    }
    for (let cycle = 0; cycle < 4; cycle++) node.pushCycle();
    await node.settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await stateOf(attempt)).toBe('complete');
  });

  test('lines with any content are stored and read back', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const long = 'ä🐎'.repeat(300_000); // 1.8 MB
    const rows = ['a\0b', '\ud800 lone', 'x'.repeat(70_000), 'two\nlines\r\u001b[0m', '', long].map((content) => ({
      output_type: 'stdout' as const,
      content,
      timestamp: '2026-02-01T11:20:00.123456789+01:00',
    }));
    const execution = node.addExecution(attempt, rows, { executor_action: { 'k\0': ['\0'], n: null } });
    await full(connection, attempt);
    const lines = await linesOf(execution);
    expect(lines.slice(0, 5)).toEqual(contents(execution).slice(0, 5));
    expect(lines.slice(5).join('')).toBe(long);
    expect(lines.length).toBe(7);
    await full(connection, attempt);
    expect(await linesOf(execution)).toHaveLength(7);
    expect(await stateOf(attempt)).toBe('complete');
  });

  test('a frame of 17 MiB is accepted', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    const rows = v1Rows(17 * 16).map((row, index) => ({ ...row, content: `${index} `.padEnd(65_536, 'x') }));
    const execution = node.addExecution(attempt, rows);
    await full(connection, attempt);
    expect(await storedLines(execution)).toBe(rows.length);
    expect(await stateOf(attempt)).toBe('complete');
  });

  test('log batches of an unknown execution make the attempt need a backfill', async () => {
    const { node, connection } = await connected();
    const attempt = node.addAttempt();
    await full(connection, attempt);
    expect(await stateOf(attempt)).toBe('complete');
    const execution = node.addExecution(attempt, v1Rows(3));
    node.sendBatch(attempt, execution, execution.rows);
    await node.settled();
    expect(await syncOf(attempt.frame.attempt_id)).toMatchObject({ state: 'partial', needsBackfill: true });
    await full(connection, attempt);
    expect(await linesOf(execution)).toHaveLength(3);
  });
});

describe('backfill requests', () => {
  test('a request for an attempt that is not shared or not known fails with that reason', async () => {
    const { node, connection } = await connected();
    const hidden = node.addAttempt({}, false);
    await expect(full(connection, hidden)).rejects.toMatchObject({ code: 'not_shared' });
    const missing = connection.backfill(randomUUID(), 'full_attempt', never);
    await expect(missing).rejects.toMatchObject({ code: 'not_found' });
  });

  test('at most four are outstanding across connections, and a late response frees its place but completes nothing', async () => {
    const { node, nodeId, connection } = await connected();
    await askedAtLogin(database, node, nodeId);
    node.isMute = true;
    const attempts = Array.from({ length: 3 }, () => node.addAttempt());
    const answers = attempts.map((attempt) =>
      full(connection, attempt).catch((error: unknown) => (error as NodeRequestError).code),
    );
    await until(() => node.requests === 4); // with the ask at the login
    await expect(full(connection, node.addAttempt())).rejects.toMatchObject({ code: 'busy' });
    const owed = await database.backfillRequest.findMany({ where: { nodeId }, orderBy: { seq: 'asc' } });
    expect(owed).toHaveLength(3); // the fourth place is for asks
    node.drop();
    expect(await answers[0]).toBe('disconnected');

    // a response of another node has no effect
    const stranger = await connected();
    stranger.node.send('backfill_response', { request_id: owed[1]?.id, success: true, error: null, entities_sent: 1 });
    await stranger.node.settled();
    expect(await database.backfillRequest.count({ where: { nodeId } })).toBe(3);

    await until(() => gateway.connectionTo(nodeId) === undefined);
    await node.connect(url);
    await until(() => node.requests === 5); // this connection’s ask
    await expect(full(connectionTo(nodeId), node.addAttempt())).rejects.toMatchObject({ code: 'busy' });
    expect(node.requests).toBe(5);
    // the rest of the old answer: the attempt's log without its end, or a live batch, for all that the hive can tell
    const late = node.attempts.get(owed[1]?.attemptId ?? '');
    if (!late) throw new Error('no such attempt');
    const execution = node.addExecution(late, v1Rows(4));
    node.pushAttempt(late);
    node.send('execution_sync', execution.frame);
    node.sendBatch(late, execution, execution.rows);
    node.send('backfill_response', { request_id: owed[1]?.id, success: true, error: null, entities_sent: 1 });
    await node.settled();
    expect(await syncOf(late.frame.attempt_id)).toMatchObject({ state: 'partial', needsBackfill: true });
    expect(await storedLines(execution)).toBe(0);
    expect(await database.backfillRequest.count({ where: { nodeId } })).toBe(2); // the first can't be answered any more, and the ask is out
    node.isMute = false;
    await full(connectionTo(nodeId), late);
    expect(await stateOf(late)).toBe('complete');
    expect(await linesOf(execution)).toEqual(contents(execution));
    // the connection's ask was skipped by the node, so the hive asks again
    await until(async () => (await database.backfillRequest.count({ where: { nodeId } })) === 0);
  });

  test('a request that is not answered within ten minutes of connection gives its place back', async () => {
    const { node, nodeId, connection } = await connected();
    await askedAtLogin(database, node, nodeId);
    node.isMute = true;
    const attempts = Array.from({ length: 3 }, () => node.addAttempt());
    const given = attempts.map((attempt) =>
      full(connection, attempt).catch((error: unknown) => (error as NodeRequestError).code),
    );
    await until(async () => (await database.backfillRequest.count({ where: { nodeId } })) === 3);
    await database.$executeRaw`UPDATE backfill_request SET waiting_since = now() - interval '11 minutes'`;
    node.isMute = false;
    const next = node.addAttempt();
    await full(connection, next);
    expect(await stateOf(next)).toBe('complete');
    expect(await given[0]).toBe('timeout');
  });
});

test('attempts of another node are left alone', async () => {
  const owner = await connected();
  const attempt = owner.node.addAttempt();
  owner.node.pushAttempt(attempt);
  await known(attempt);
  const stranger = await connected();
  const stolen = stranger.node.addAttempt({ attempt_id: attempt.frame.attempt_id, branch: 'stolen' });
  stranger.node.addExecution(stolen, v1Rows(2));
  stranger.node.pushCycle();
  await stranger.node.settled();
  const row = await database.attempt.findUniqueOrThrow({
    where: { id: attempt.frame.attempt_id },
    include: { executions: true },
  });
  expect(row).toMatchObject({ nodeId: owner.nodeId, metadata: { branch: 'vk/first' }, executions: [] });
});
