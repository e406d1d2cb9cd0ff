/** A database that goes back to an earlier state under the hive: what nodes were told before is held against it. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { deleteAttempt } from '../prisma/queries/delete-attempt.js';
import { createNodeApiKey } from '../prisma/queries/node-api-key.js';
import { writeMarker } from '../prisma/queries/write-marker.js';
import { copyDatabase, replaceDatabase } from '../tests/harness/database.js';
import { listen } from '../tests/harness/listen.js';
import { attemptFrame, executionFrame, ScriptedNode } from '../tests/harness/scripted-node.js';
import { seedNode } from '../tests/harness/seed.js';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { until } from '../tests/harness/until.js';
import type { HiveFrame } from '../protocol/frames.js';
import { Gateway } from './gateway.js';
import { WENT_BACK } from './node-socket.js';

const MARKER_MS = 300;

let testGateway: TestGateway;
let secret: string;
const machineId = randomUUID();
const nodes: ScriptedNode[] = [];

beforeEach(async () => {
  testGateway = await startTestGateway({ markerMs: MARKER_MS });
  ({ secret } = await testGateway.newKey());
});

afterEach(async () => {
  for (const node of nodes.splice(0)) node.close();
  await testGateway.stop();
});

async function connect(markers?: string[], key = secret, machine = machineId): Promise<ScriptedNode> {
  const node = await ScriptedNode.connect(testGateway.url, key, machine, markers);
  nodes.push(node);
  return node;
}

/** Announces an attempt that is complete at once. Markers that come before the answer do not cover it. @returns its id */
async function complete(node: ScriptedNode): Promise<string> {
  const attempt = attemptFrame({ execution_count: 0 });
  node.send('attempt_sync', attempt);
  const { data } = await nextAck(node);
  expect(data).toMatchObject({ attempt_id: attempt.attempt_id, sync_state: 'complete' });
  return attempt.attempt_id;
}

/** Takes the frames up to the next `sync_ack`. */
async function nextAck(node: ScriptedNode): Promise<HiveFrame> {
  for (;;) {
    const frame = await node.nextFrame();
    if (!frame) throw new Error('the socket closed before sync_ack');
    if (frame.type === 'sync_ack') return frame;
  }
}

/** A node with two complete attempts, the second of which a backup taken in between does not have. */
async function completeBeforeAndAfterBackup() {
  const node = await connect([]);
  await complete(node);
  const before = await writtenMarker(node);
  const backup = await copyDatabase(testGateway.databaseUrl);
  await complete(node);
  const after = await writtenMarker(node);
  return { node, backup, before, after };
}

/** @returns the node's next marker that the hive has written; one that it could not write is followed by another */
async function writtenMarker(node: ScriptedNode): Promise<string> {
  const isAnotherThere = () => node.received.some(({ type }) => type === 'marker');
  for (;;) {
    const { id } = await node.next('marker');
    const isWritten = async () => (await testGateway.database.historyMarker.count({ where: { id } })) === 1;
    await until(async () => isAnotherThere() || (await isWritten()), 60_000, 'the marker is written');
    if (await isWritten().catch(() => false)) return id;
  }
}

/** Logs in with markers, without taking the socket of another test's node. @returns those that the hive knows */
async function knownOf(markers: string[]): Promise<string[] | null | undefined> {
  const node = await ScriptedNode.open(testGateway.url);
  nodes.push(node);
  return (await node.auth(secret, machineId, markers)).known_markers;
}

test('a node gets a marker after what it is told, and the hive knows it at the next login', async () => {
  const node = await connect([]);
  await complete(node);
  const id = await writtenMarker(node);
  expect(node.received.filter(({ type }) => type === 'sync_ack')).toEqual([]);
  const never = randomUUID();
  expect(await knownOf([never, id])).toEqual([id]);
});

test('a node that knows nothing of markers gets none', async () => {
  const node = await connect();
  await complete(node);
  const other = await connect([], (await testGateway.newKey()).secret, randomUUID());
  await other.next('marker');
  await complete(node);
  expect(node.received.map(({ type }) => type)).not.toContain('marker');
});

test('a database that goes back under connected nodes closes their sockets, and the next login says what is lost', async () => {
  const { node, backup, before, after } = await completeBeforeAndAfterBackup();
  await replaceDatabase(testGateway.databaseUrl, backup);
  expect((await node.untilClosed()).reason).toBe(WENT_BACK);
  expect(await knownOf([after, before])).toEqual([before]);
});

test('a backfill that ran where the database went back to holds its attempt no longer', async () => {
  const node = await connect([]);
  await complete(node);
  await writtenMarker(node);
  const held = attemptFrame({ execution_count: 1 });
  node.send('attempt_sync', held);
  await nextAck(node);
  await writtenMarker(node);
  const where = { attemptId: held.attempt_id };
  const { database } = testGateway;
  await database.attemptSync.update({
    where,
    data: { state: 'pending_backfill', runId: 'r', requestedAt: new Date() },
  });
  const backup = await copyDatabase(testGateway.databaseUrl);
  await complete(node);
  await writtenMarker(node);
  await replaceDatabase(testGateway.databaseUrl, backup);
  expect((await node.untilClosed()).reason).toBe(WENT_BACK);
  const sync = await database.attemptSync.findUniqueOrThrow({ where });
  expect(sync).toMatchObject({ state: 'partial', runId: null, needsBackfill: true });
});

test('an attempt that is deleted just after it was acknowledged is not lost: its node stays, and readers are told nothing again', async () => {
  const node = await connect([]);
  const position = async () => {
    const [row] = await testGateway.database.$queryRaw<[{ last: bigint }]>`
      SELECT last_value AS last FROM attempt_change_position`;
    return row.last;
  };
  const before = await position();
  for (let time = 0; time < 3; time++) {
    const id = await complete(node);
    await deleteAttempt(testGateway.database, testGateway, id, null);
    await writtenMarker(node);
  }
  expect((await position()) - before).toBeLessThan(1000n);
});

test('what is acknowledged just before the database goes back is found lost, although the last marker is known', async () => {
  const node = await connect([]);
  await complete(node);
  const known = await writtenMarker(node);
  await testGateway.gateway.stop(); // the next one writes when the test says so
  const slow = new Gateway({ ...testGateway.deps, markerMs: 2000 });
  const server = createServer();
  slow.attach(server);
  const url = await listen(server);
  const again = await ScriptedNode.connect(url, secret, machineId, [known]);
  nodes.push(again);
  await complete(again);
  const last = await writtenMarker(again);

  const backup = await copyDatabase(testGateway.databaseUrl);
  await complete(again);
  await replaceDatabase(testGateway.databaseUrl, backup);
  expect((await again.untilClosed()).reason).toBe(WENT_BACK);
  const { id: unwritten } = await again.next('marker');
  const later = await ScriptedNode.open(url);
  nodes.push(later);
  expect((await later.auth(secret, machineId, [unwritten, last, known])).known_markers).toEqual(
    expect.arrayContaining([last, known]),
  );
  expect(await testGateway.database.historyMarker.count({ where: { id: unwritten } })).toBe(0);
  await slow.stop();
  server.close();
});

test('a snapshot that has gone on beyond the place where it was taken is told from the lost history', async () => {
  const { node, backup, before, after } = await completeBeforeAndAfterBackup();
  await replaceDatabase(testGateway.databaseUrl, backup);
  expect((await node.untilClosed()).reason).toBe(WENT_BACK);
  const other = await connect([], await keyOfAnotherNode(), randomUUID());
  for (let count = 0; count < 50; count++) await complete(other);
  await writtenMarker(other);
  expect(await knownOf([after, before])).toEqual([before]);
});

/** Retried, because the database has just been replaced. */
async function keyOfAnotherNode(): Promise<string> {
  const { database, organizationId } = testGateway;
  for (;;) {
    const made = await createNodeApiKey(database, { organizationId, name: 'other' }).catch(() => undefined);
    if (made) return made.secret;
  }
}

test('a marker covers nothing of a node whose login the database does not know', async () => {
  const { database, organizationId } = testGateway;
  const nodeId = await seedNode(database, organizationId); // its lease has fence 1
  const write = async (fence: bigint) => {
    const id = randomUUID();
    const sessions = [{ nodeId, apiKeyId: randomUUID(), fence }];
    const { lostNodes } = await writeMarker(database, {
      id,
      instanceId: 'a',
      previous: null,
      acknowledged: [],
      sessions,
    });
    return { lostNodes, isWritten: (await database.historyMarker.count({ where: { id } })) === 1 };
  };
  expect(await write(1n)).toEqual({ lostNodes: [], isWritten: true });
  expect(await write(2n)).toEqual({ lostNodes: [nodeId], isWritten: false });
  await database.nodeLease.delete({ where: { nodeId } });
  expect(await write(1n)).toEqual({ lostNodes: [nodeId], isWritten: false });
});

test('a session that the database has forgotten is not taken for a superseded one', async () => {
  const { secret: other } = await testGateway.newKey();
  const backup = await copyDatabase(testGateway.databaseUrl);
  const node = await connect([], other, randomUUID());
  const attempt = attemptFrame();
  await complete(node);
  await replaceDatabase(testGateway.databaseUrl, backup);
  node.send('attempt_sync', attempt);
  node.send('execution_sync', executionFrame(attempt));
  expect((await node.untilClosed()).reason).toBe(WENT_BACK);
});

test('a node that is deleted while it is connected is not a database that went back', async () => {
  const node = await connect([]);
  await complete(node);
  const { nodeId } = await testGateway.database.attempt.findFirstOrThrow();
  await testGateway.database.nodeApiKey.updateMany({ where: { nodeId }, data: { revokedAt: new Date() } });
  await testGateway.database.node.delete({ where: { id: nodeId } });
  expect((await node.untilClosed()).reason).toBe('API key revoked');
});
