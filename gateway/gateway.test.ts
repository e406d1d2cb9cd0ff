import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { openDatabase } from '../prisma/client.js';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { attemptFrame, executionFrame, pageOf, ScriptedNode } from '../tests/harness/scripted-node.js';
import { until } from '../tests/harness/until.js';
import { SILENCE_TIMEOUT_MS } from '../protocol/limits.js';
import { encodePage } from '../protocol/page.js';
import { Gateway } from './gateway.js';
import type { Database } from '../prisma/database.js';

let testGateway: TestGateway;
let database: Database;
let server: Server;
let url: string;
let drained: string[];
const nodes: ScriptedNode[] = [];
const newKey = () => testGateway.newKey();

beforeAll(async () => {
  testGateway = await startTestGateway();
  ({ database, server, url, drained } = testGateway);
});

afterEach(() => {
  for (const node of nodes.splice(0)) node.close();
  drained.length = 0;
});

afterAll(() => testGateway.stop());

async function connect(secret?: string, machineId?: string): Promise<ScriptedNode> {
  const node = await ScriptedNode.connect(url, secret ?? (await newKey()).secret, machineId);
  nodes.push(node);
  return node;
}

async function syncOf(attemptId: string) {
  return database.attemptSync.findUniqueOrThrow({ where: { attemptId } });
}

describe('login', () => {
  test('a key is bound to its first machine; a takeover is refused, and the fourth try blocks the key', async () => {
    const { secret } = await newKey();
    await connect(secret, 'machine-a');
    for (const attempt of [1, 2, 3]) {
      const other = await ScriptedNode.open(url);
      expect((await other.auth(secret, 'machine-b')).error).toContain(`Attempt ${attempt} of 3`);
      await other.untilClosed();
    }
    const fourth = await ScriptedNode.open(url);
    expect((await fourth.auth(secret, 'machine-b')).error).toContain('API key blocked');
    expect((await nodes[0]?.untilClosed())?.reason).toBe('API key blocked');
  });

  test('the same machine with another key is the same node', async () => {
    const machine = randomUUID();
    const first = await ScriptedNode.open(url);
    const second = await ScriptedNode.open(url);
    nodes.push(first, second);
    const a = await first.auth((await newKey()).secret, machine);
    const b = await second.auth((await newKey()).secret, machine);
    expect(b.node_id).toBe(a.node_id);
  });

  test('a new connection supersedes the old one', async () => {
    const { secret } = await newKey();
    const machine = randomUUID();
    const first = await connect(secret, machine);
    const second = await connect(secret, machine);
    expect((await first.next('close')).reason).toContain('superseded');
    second.send('heartbeat', {
      status: 'busy',
      active_tasks: 1,
      available_capacity: 0,
      timestamp: '2026-02-01T10:00:00Z',
    });
    await second.next('heartbeat_ack');
  });

  test('a revoked key closes its socket, long before its silent node would be disconnected', async () => {
    const { secret, id } = await newKey();
    const node = await connect(secret);
    await database.nodeApiKey.update({ where: { id }, data: { revokedAt: new Date() } });
    expect((await node.untilClosed(SILENCE_TIMEOUT_MS / 3)).reason).toBe('API key revoked');
  });

  test.each([
    ['a wrong key', 'auth', { api_key: '0'.repeat(64) }, 'invalid API key'],
    ['another frame first', 'heartbeat', {}, 'invalid auth message'],
    ['another protocol version', 'auth', { protocol_version: 7 }, 'protocol version mismatch'],
  ])('%s is refused', async (_what, type, changes, error) => {
    const node = await ScriptedNode.open(url);
    node.send(type, {
      api_key: '1'.repeat(64),
      machine_id: 'm',
      name: 'n',
      capabilities: {},
      protocol_version: 2,
      ...changes,
    });
    const result = await node.next('auth_result');
    expect(result.success).toBe(false);
    expect(result.error).toContain(error);
    await node.untilClosed();
  });

  test('a node whose key cannot be checked now is not refused: its socket is closed, so that it comes back soon', async () => {
    const { secret } = await newKey();
    const away = openDatabase('postgresql://nobody@127.0.0.1:1/none');
    const other = new Gateway({ ...testGateway.deps, database: away });
    const otherServer = createServer();
    other.attach(otherServer);
    await new Promise<void>((resolve) => otherServer.listen(0, '127.0.0.1', resolve));
    const node = await ScriptedNode.open(`http://127.0.0.1:${(otherServer.address() as AddressInfo).port}`);
    await expect(node.auth(secret, 'machine')).rejects.toThrow('socket closed');
    expect(node.closed?.code).toBe(1013);
    expect(node.received).toEqual([]);
    await other.stop();
    otherServer.close();
    await away.$disconnect();
  });

  test('a client that resets its connection while its upgrade is refused does no harm', async () => {
    for (let time = 0; time < 20; time++) {
      const client = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
      client.on('error', () => undefined);
      client.write('GET /elsewhere HTTP/1.1\r\nHost: hive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      await sleep(time);
      client.resetAndDestroy();
    }
    await sleep(50);
    await connect();
  });

  test('an upgrade on another path is answered, and its connection ends even if the client keeps its side open', async () => {
    const { port } = server.address() as AddressInfo;
    const client = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    client.on('data', (chunk) => (answer += chunk.toString()));
    client.write('GET /elsewhere HTTP/1.1\r\nHost: hive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await once(client, 'end');
    expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    await until(async () => (await connectionsOf(server)) === 0);
    client.destroy();
  });

  test('an auth message of more than 64 KiB is refused before it has come completely', async () => {
    const node = await ScriptedNode.open(url);
    node.ws.send(`{"type":"auth","data":{"name":"${'x'.repeat(200_000)}`);
    expect((await node.next('auth_result')).error).toBe('auth message is too large');
    await node.untilClosed();
  });
});

describe('what a node announces', () => {
  test('an ended execution without its lines needs a backfill, and the drain is requested once the node has announced', async () => {
    const node = await connect();
    const attempt = attemptFrame();
    const execution = executionFrame(attempt, { status: 'completed', exit_code: 0, log_lines: 3 });
    node.send('attempt_sync', attempt);
    node.send('execution_sync', execution);
    expect(await node.next('log_ack')).toEqual({
      execution_id: execution.execution_id,
      log_epoch: 1,
      stored_through: 0,
    });
    expect(await node.next('sync_ack')).toMatchObject({
      attempt_id: attempt.attempt_id,
      revision: 1,
      sync_state: 'partial',
    });
    expect(await syncOf(attempt.attempt_id)).toMatchObject({ state: 'partial', needsBackfill: true });
    expect(drained).toHaveLength(0);
    node.send('announced', { count: 1 });
    await until(() => drained.length > 0);
  });

  test('running executions without a gap cause no drain', async () => {
    const node = await connect();
    for (let index = 0; index < 50; index++) {
      const attempt = attemptFrame();
      node.send('attempt_sync', attempt);
      node.send('execution_sync', executionFrame(attempt, { log_lines: 5 }));
    }
    node.send('announced', { count: 50 });
    for (let index = 0; index < 50; index++) await node.next('sync_ack');
    await sleep(800);
    expect(drained).toHaveLength(0);
  });

  test('a node that comes back is told the revision of what the hive believes to be running', async () => {
    const { secret } = await newKey();
    const machineId = randomUUID();
    const attempt = attemptFrame({ revision: 5 });
    const first = await connect(secret, machineId);
    first.send('attempt_sync', attempt);
    first.send('execution_sync', executionFrame(attempt));
    await first.next('log_ack');

    const restored = await connect(secret, machineId); // its store knows neither the execution nor revision 5
    restored.send('announced', { count: 0 });
    expect(await restored.next('sync_ack')).toMatchObject({ attempt_id: attempt.attempt_id, revision: 5 });

    restored.send('error', { message_id: attempt.attempt_id, error: 'this node has no such attempt' });
    await until(async () => (await syncOf(attempt.attempt_id)).needsBackfill); // the backfill then finds it gone
    await until(() => drained.length > 0);
  });

  test('a node that lacks an ended attempt, or names an unknown one, changes nothing', async () => {
    const node = await connect();
    const attempt = attemptFrame();
    node.send('attempt_sync', attempt);
    node.send('execution_sync', executionFrame(attempt, { status: 'completed', log_lines: 0 }));
    await node.next('log_ack');
    node.send('announced', { count: 1 });
    const before = await syncOf(attempt.attempt_id);
    for (const id of [attempt.attempt_id, randomUUID(), 'x'.repeat(200), "'"]) {
      node.send('error', { message_id: id, error: 'this node has no such attempt' });
    }
    node.send('attempt_sync', { ...attempt, revision: 0 });
    const last = attemptFrame(); // answered once everything before it has been handled
    node.send('attempt_sync', last);
    for (;;) if ((await node.next('sync_ack')).attempt_id === last.attempt_id) break;
    expect(await syncOf(attempt.attempt_id)).toEqual(before);
    expect(node.closed).toBeUndefined();
  });

  test('an older revision changes nothing, and the answer names the newer one', async () => {
    const node = await connect();
    const attempt = attemptFrame({ revision: 5, title: 'new' });
    node.send('attempt_sync', attempt);
    await node.next('sync_ack');
    node.send('attempt_sync', { ...attempt, revision: 4, title: 'old' });
    expect((await node.next('sync_ack')).revision).toBe(5);
    const stored = await database.attempt.findUniqueOrThrow({ where: { id: attempt.attempt_id } });
    expect(stored.metadata).toMatchObject({ title: 'new' });
  });

  test('the same revision with other content is stored, and is described anew', async () => {
    const node = await connect();
    const attempt = attemptFrame({ execution_count: 0 });
    node.send('attempt_sync', attempt);
    node.send('attempt_sync', attempt);
    expect((await node.next('sync_ack')).sync_state).toBe('complete');
    expect((await node.next('sync_ack')).sync_state).toBe('complete');
    node.send('attempt_sync', { ...attempt, title: 'restored', execution_count: 1 });
    expect((await node.next('sync_ack')).sync_state).toBe('partial');
    expect(await syncOf(attempt.attempt_id)).toMatchObject({ state: 'partial', needsBackfill: true });
  });

  test('complete only when the newest revision is described, all executions have ended and every line is stored', async () => {
    const node = await connect();
    const attempt = attemptFrame();
    const execution = executionFrame(attempt, { status: 'running' });
    node.send('attempt_sync', attempt);
    node.send('execution_sync', execution);
    await node.next('log_ack');
    await node.sendPage(['a', 'b'], { execution_id: execution.execution_id, log_epoch: 1, first_seq: 1 });
    expect((await node.next('log_ack')).stored_through).toBe(2);
    expect((await syncOf(attempt.attempt_id)).state).toBe('partial');
    node.send('attempt_sync', { ...attempt, revision: 2 });
    node.send('execution_sync', { ...execution, revision: 2, status: 'completed', log_lines: 2 });
    await until(async () => (await syncOf(attempt.attempt_id)).state === 'complete');
    node.send('attempt_sync', { ...attempt, revision: 3, execution_count: 2 });
    await until(async () => (await syncOf(attempt.attempt_id)).state === 'partial');
  });

  test('U+0000 and lone surrogates are stored and read back', async () => {
    const node = await connect();
    const attempt = attemptFrame({ title: 'a\0b\ud800c', executor: 'x\0', execution_count: 1 });
    const action = JSON.parse('{"k\\u0000":["\\udfff"],"__proto__":{"a":1}}') as object;
    const execution = executionFrame(attempt, { executor_action: action });
    node.send('attempt_sync', attempt);
    node.send('execution_sync', execution);
    await node.next('log_ack');
    const [row] = await database.$queryRaw<{ attempt: string; execution: string }[]>`
      SELECT a.metadata::text AS attempt, e.metadata::text AS execution FROM attempt a JOIN execution e ON e.attempt_id = a.id
      WHERE a.id = ${attempt.attempt_id}::uuid`;
    expect(JSON.parse(row?.attempt ?? '')).toMatchObject({ title: attempt.title, executor: 'x\0' });
    expect(JSON.stringify((JSON.parse(row?.execution ?? '{}') as { executor_action: object }).executor_action)).toBe(
      JSON.stringify(action),
    );
  });

  test('ids of another node are refused, and nothing of them changes', async () => {
    const owner = await connect();
    const stranger = await connect();
    const attempt = attemptFrame({ title: 'mine' });
    const execution = executionFrame(attempt);
    owner.send('attempt_sync', attempt);
    owner.send('execution_sync', execution);
    await owner.next('log_ack');
    stranger.send('attempt_sync', { ...attempt, revision: 9, title: 'stolen' });
    expect((await stranger.next('error')).message_id).toBe(attempt.attempt_id);
    stranger.send('execution_sync', { ...execution, revision: 9 });
    expect((await stranger.next('error')).message_id).toBe(execution.execution_id);
    await stranger.sendPage(['x'], { execution_id: execution.execution_id, log_epoch: 1, first_seq: 1 });
    expect((await stranger.next('log_refused')).code).toBe('unknown_execution');
    const stored = await database.attempt.findUniqueOrThrow({
      where: { id: attempt.attempt_id },
      include: { executions: true },
    });
    expect(stored).toMatchObject({ metadata: { title: 'mine' }, executions: [{ storedLines: 0 }] });
  });
});

describe('live pages', () => {
  async function running() {
    const node = await connect();
    const attempt = attemptFrame();
    const execution = executionFrame(attempt);
    node.send('attempt_sync', attempt);
    node.send('execution_sync', execution);
    await node.next('log_ack');
    return { node, attempt, execution, page: { execution_id: execution.execution_id, log_epoch: 1 } };
  }

  test('a repeated page is acknowledged and stored once; one ahead of the mark is refused with the position to go on from', async () => {
    const { node, execution, page } = await running();
    await node.sendPage(['a', 'b'], { ...page, first_seq: 1 });
    await node.sendPage(['a', 'b'], { ...page, first_seq: 1 });
    expect((await node.next('log_ack')).stored_through).toBe(2);
    expect((await node.next('log_ack')).stored_through).toBe(2);
    await node.sendPage(['d'], { ...page, first_seq: 4 });
    expect(await node.next('log_refused')).toMatchObject({ first_seq: 4, stored_through: 2, code: 'gap' });
    await node.sendPage(['x'], { ...page, log_epoch: 2, first_seq: 3 });
    expect((await node.next('log_refused')).code).toBe('epoch');
    expect(await database.logPage.count({ where: { executionId: execution.execution_id } })).toBe(1);
  });

  test('pages wait only for those of their own execution, and metadata sent after them waits for all', async () => {
    const { node, attempt, execution: locked } = await running();
    const free = Array.from({ length: 5 }, () => executionFrame(attempt));
    for (const execution of free) {
      node.send('execution_sync', execution);
      await node.next('log_ack');
    }
    const executions = [locked, ...free];
    const acknowledged = () => node.received.filter((frame) => frame.type === 'log_ack').length;
    const before = acknowledged();
    const page = await pageOf(['x']); // made before the lock: a page that waits for a second is refused
    await database.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT FROM execution WHERE id = ${locked.execution_id}::uuid FOR UPDATE`;
      for (const first_seq of [1, 2, 3]) {
        for (const { execution_id } of executions)
          node.sendPageBytes(page, { execution_id, log_epoch: 1, first_seq, last_seq: first_seq });
      }
      node.send('attempt_sync', { ...attempt, revision: 2, title: 'later' });
      await until(() => acknowledged() === before + 3 * free.length);
      const stored = await tx.$queryRaw`SELECT revision FROM attempt WHERE id = ${attempt.attempt_id}::uuid`;
      expect(stored).toEqual([{ revision: 1n }]);
    });
    await until(() => acknowledged() === before + 3 * executions.length);
    await until(async () => {
      const { revision } = await database.attempt.findUniqueOrThrow({ where: { id: attempt.attempt_id } });
      return revision === 2n;
    });
    const stored = await database.execution.findMany({ where: { attemptId: attempt.attempt_id } });
    expect(stored.map(({ storedLines }) => storedLines)).toEqual(executions.map(() => 3));
  });

  test('a second gap at the same position makes the attempt need a backfill', async () => {
    const { node, attempt, page } = await running();
    node.send('announced', { count: 1 });
    for (let time = 0; time < 2; time++) {
      await node.sendPage(['z'], { ...page, first_seq: 9 });
      await node.next('log_refused');
    }
    await until(async () => (await syncOf(attempt.attempt_id)).needsBackfill);
    await until(() => drained.length > 0);
  });

  test('the first page of a new epoch replaces the old pages; a smaller count alone does not', async () => {
    const { node, attempt, execution, page } = await running();
    await node.sendPage(['a', 'b', 'c'], { ...page, first_seq: 1 });
    await node.next('log_ack');
    node.send('execution_sync', { ...execution, revision: 2, log_lines: 1 });
    expect((await node.next('log_ack')).stored_through).toBe(3);
    node.send('attempt_sync', { ...attempt, revision: 3 });
    node.send('execution_sync', { ...execution, revision: 3, log_lines: 1, log_epoch: 2 });
    expect(await node.next('log_ack')).toMatchObject({ log_epoch: 2, stored_through: 0 });
    expect(await database.logPage.count({ where: { executionId: execution.execution_id } })).toBe(1);
    await node.sendPage(['n'], { ...page, log_epoch: 2, first_seq: 1 });
    expect(await node.next('log_ack')).toMatchObject({ log_epoch: 2, stored_through: 1 });
    const pages = await database.logPage.findMany({ where: { executionId: execution.execution_id } });
    expect(pages).toMatchObject([{ logEpoch: 2, firstSeq: 1, lastSeq: 1 }]);
    const stored = await database.execution.findUniqueOrThrow({ where: { id: execution.execution_id } });
    expect(stored).toMatchObject({ storedLines: 1, storedEpoch: 2, stdoutLines: 1 });
    expect(stored.replacedAt).not.toBeNull();
  });

  test.each([
    ['a wrong line count', () => pageOf(['a', 'b']), 'has 2'],
    ['no gzip', () => Promise.resolve(Buffer.from('not gzip')), 'gunzipped'],
    ['a line of another shape', () => encodePage('{"content":"x"}'), 'output_type'],
    ['bytes after the gzip stream', async () => Buffer.concat([await pageOf(['a']), Buffer.from([0])]), 'gzip stream'],
    ['more than 8 MiB after gunzip', () => encodePage(' '.repeat(9 * 1024 * 1024)), 'after gunzip'],
  ])('a page with %s is a fault, and nothing of it is stored', async (_what, page, error) => {
    const { node, execution, page: header } = await running();
    node.sendPageBytes(await page(), { ...header, first_seq: 1, last_seq: 1 });
    expect((await node.next('error')).error).toContain(error);
    await node.sendPage(['good'], { ...header, first_seq: 1 });
    expect((await node.next('log_ack')).stored_through).toBe(1);
    expect(await database.logPage.count({ where: { executionId: execution.execution_id } })).toBe(1);
  });
});

test('ten faulty frames in a minute close the socket, and other nodes are not affected', async () => {
  const bad = await connect();
  const good = await connect();
  for (let index = 0; index < 10; index++) bad.ws.send('{not json');
  await bad.untilClosed();
  expect(bad.received.filter((frame) => frame.type === 'error')).toHaveLength(10);
  good.send('heartbeat', {
    status: 'online',
    active_tasks: 0,
    available_capacity: 1,
    timestamp: '2026-02-01T10:00:00Z',
  });
  await good.next('heartbeat_ack');
});

function connectionsOf(ofServer: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    ofServer.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}
