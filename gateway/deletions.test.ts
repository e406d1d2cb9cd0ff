/** What nodes are told of attempts that an admin has deleted. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { attemptFrame, executionFrame, ScriptedNode } from '../tests/harness/scripted-node.js';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { until } from '../tests/harness/until.js';
import { deleteAttempt } from '../prisma/queries/delete-attempt.js';
import { FORGET_ATTEMPT } from '../protocol/frames.js';

let hive: TestGateway;
beforeAll(async () => {
  hive = await startTestGateway();
});
afterAll(() => hive.stop());

interface Machine {
  key: string;
  id: string;
}
const machine = async (): Promise<Machine> => ({ key: (await hive.newKey()).secret, id: randomUUID() });
const newNode = async ({ key, id }: Machine, frames?: string[]): Promise<ScriptedNode> => {
  const node = await ScriptedNode.open(hive.url);
  expect(await node.auth(key, id, [], undefined, frames)).toMatchObject({ success: true });
  return node;
};
const announce = async (node: ScriptedNode, attempt = attemptFrame()) => {
  node.send('attempt_sync', attempt);
  await node.next('sync_ack');
  return attempt;
};
const remove = ({ attempt_id: id }: { attempt_id: string }) =>
  deleteAttempt(hive.database, { organizationId: hive.organizationId }, id, null);
const tombstone = ({ attempt_id: attemptId }: { attempt_id: string }) =>
  hive.database.deletedAttempt.findUniqueOrThrow({ where: { attemptId } });
const isForgotten = async (attempt: { attempt_id: string }) => (await tombstone(attempt)).forgottenAt !== null;

test('a connected node is told at once, and again whenever it announces it; its backup is, too', async () => {
  const who = await machine();
  const node = await newNode(who, [FORGET_ATTEMPT]);
  const attempt = await announce(node);
  await remove(attempt);
  const { request_id, attempt_id } = await node.next('forget_attempt');
  expect(attempt_id).toBe(attempt.attempt_id);
  node.send('attempt_forgotten', { request_id });
  await until(() => isForgotten(attempt));

  const execution = executionFrame(attempt);
  node.send('attempt_sync', attempt);
  node.send('execution_sync', execution);
  const refusals = [await node.next('sync_refused'), await node.next('sync_refused')];
  expect(refusals.map(({ code }) => code)).toEqual(['deleted', 'deleted']);
  const again = await node.next('forget_attempt');
  node.send('attempt_forgotten', { request_id: again.request_id });
  await until(() => isForgotten(attempt));
  expect(await hive.database.attempt.count({ where: { id: attempt_id } })).toBe(0);
  node.close();
});

test('a node whose capabilities PostgreSQL cannot take apart keeps no other from being told', async () => {
  const odd = await newNode(await machine(), [FORGET_ATTEMPT]);
  await hive.database.$executeRaw`UPDATE node SET capabilities = ${String.raw`{"version":"\u0000"}`}::json`;
  const node = await newNode(await machine(), [FORGET_ATTEMPT]);
  const attempt = await announce(node);
  await remove(attempt);
  expect(await node.next('forget_attempt')).toMatchObject({ attempt_id: attempt.attempt_id });
  odd.close();
  node.close();
});

test('a node that was away is told when it comes back, without announcing it', async () => {
  const who = await machine();
  const node = await newNode(who, [FORGET_ATTEMPT]);
  const attempt = await announce(node);
  node.close();
  await node.untilClosed();
  await remove(attempt);
  const back = await newNode(who, [FORGET_ATTEMPT]);
  expect(await back.next('forget_attempt')).toMatchObject({ attempt_id: attempt.attempt_id });
  back.close();
});

test('a node that does not know the frame sets the attempt aside, and is told once it knows it', async () => {
  const who = await machine();
  const node = await newNode(who);
  const attempt = await announce(node);
  await remove(attempt);
  node.send('attempt_sync', attempt);
  expect(await node.next('sync_refused')).toMatchObject({ code: 'belongs_to_another_node' });
  expect(node.received.filter(({ type }) => type === 'forget_attempt')).toEqual([]);
  node.close();
  const upgraded = await newNode(who, [FORGET_ATTEMPT]);
  expect(await upgraded.next('forget_attempt')).toMatchObject({ attempt_id: attempt.attempt_id });
  upgraded.close();
});

test('another node that has an attempt of the same id keeps it', async () => {
  const owner = await newNode(await machine(), [FORGET_ATTEMPT]);
  const attempt = await announce(owner);
  await remove(attempt);
  await owner.next('forget_attempt');
  const other = await newNode(await machine(), [FORGET_ATTEMPT]);
  other.send('attempt_sync', attempt);
  expect(await other.next('sync_refused')).toMatchObject({ code: 'belongs_to_another_node' });
  other.send('execution_sync', executionFrame(attempt));
  expect(await other.next('sync_refused')).toMatchObject({ code: 'belongs_to_another_node' });
  expect(other.received.filter(({ type }) => type === 'forget_attempt')).toEqual([]);
  owner.close();
  other.close();
});

test('one that could not delete it is not asked again and again; another node’s are not held up', async () => {
  const slow = await newNode(await machine(), [FORGET_ATTEMPT]);
  const attempts = [];
  for (let i = 0; i < 6; i++) attempts.push(await announce(slow));
  const quick = await newNode(await machine(), [FORGET_ATTEMPT]);
  const one = await announce(quick);
  for (const attempt of attempts) await remove(attempt);
  await remove(one);
  const { request_id } = await quick.next('forget_attempt');
  quick.send('attempt_forgotten', { request_id });
  await until(() => isForgotten(one));
  const first = await slow.next('forget_attempt');
  slow.send('request_failed', { request_id: first.request_id, code: 'internal', message: 'disk full' });
  await until(() => slow.received.filter(({ type }) => type === 'forget_attempt').length === 4); // the fifth in its place
  expect(await isForgotten({ attempt_id: first.attempt_id })).toBe(false);
  slow.close();
  quick.close();
});
