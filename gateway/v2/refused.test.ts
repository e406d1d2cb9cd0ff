/** Attempts that a node announces although the hive can take nothing of them from it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createNodeApiKey } from '../../prisma/queries/node-api-key.js';
import { ensureOrganization } from '../../prisma/queries/organization.js';
import { MAX_FAULTS_PER_MINUTE } from '../../protocol/limits.js';
import { attemptFrame, executionFrame, ScriptedNode } from '../../tests/harness/scripted-node.js';
import { startTestGateway, type TestGateway } from '../../tests/harness/test-gateway.js';

let testGateway: TestGateway;
beforeAll(async () => {
  testGateway = await startTestGateway();
});
afterAll(() => testGateway.stop());

const MANY = MAX_FAULTS_PER_MINUTE + 2;

async function connect(markers: string[] | undefined, secret?: string): Promise<ScriptedNode> {
  return ScriptedNode.connect(testGateway.url, secret ?? (await testGateway.newKey()).secret, randomUUID(), markers);
}

/** @returns a key of another organisation on the same hive */
async function foreignKey(): Promise<string> {
  const { id } = await ensureOrganization(testGateway.database, 'other');
  return (await createNodeApiKey(testGateway.database, { organizationId: id, name: 'other' })).secret;
}

async function announced(node: ScriptedNode, count: number) {
  const attempts = Array.from({ length: count }, () => attemptFrame());
  for (const attempt of attempts) {
    node.send('attempt_sync', attempt);
    node.send('execution_sync', executionFrame(attempt));
    await node.next('log_ack');
  }
  return attempts;
}

/** Sends an attempt of the node's own. It is acknowledged once everything before it has been handled. */
async function announceOwn(node: ScriptedNode): Promise<void> {
  const own = attemptFrame({ execution_count: 0 });
  node.send('attempt_sync', own);
  expect(await node.next('sync_ack')).toMatchObject({ attempt_id: own.attempt_id, sync_state: 'complete' });
  expect(node.closed).toBeUndefined();
}

test.each([['another node', false] as const, ['another organisation', true] as const])(
  'attempts of %s are refused one by one, are no faults, and the node goes on',
  async (_whose, isForeign) => {
    const owner = await connect([]);
    const attempts = await announced(owner, MANY);
    const node = await connect([], isForeign ? await foreignKey() : undefined);
    const code = 'belongs_to_another_node';
    for (const { attempt_id } of attempts) {
      node.send('attempt_sync', attemptFrame({ attempt_id, revision: 9, title: 'stolen' }));
      expect(await node.next('sync_refused')).toEqual({ attempt_id, revision: 9, code });
      const execution = executionFrame(attemptFrame({ attempt_id }), { revision: 9 });
      node.send('execution_sync', execution);
      const { execution_id } = execution;
      expect(await node.next('sync_refused')).toEqual({ attempt_id, execution_id, revision: 9, code });
    }
    await announceOwn(node);
    const stolen = await testGateway.database.attempt.count({ where: { revision: 9 } });
    expect(stolen).toBe(0);
    owner.close();
    node.close();
  },
);

test('a node that does not know refusals gets errors, which are no faults either', async () => {
  const owner = await connect([]);
  const attempts = await announced(owner, MANY);
  const node = await connect(undefined);
  for (const attempt of attempts) {
    node.send('attempt_sync', attempt);
    expect(await node.next('error')).toEqual({
      message_id: attempt.attempt_id,
      error: 'the attempt belongs to another node',
    });
  }
  await announceOwn(node);
  owner.close();
  node.close();
});

test('an execution of another attempt is refused, and not acknowledged as if it had been stored', async () => {
  const node = await connect([]);
  const attempt = attemptFrame();
  const execution = executionFrame(attempt);
  node.send('attempt_sync', attempt);
  node.send('execution_sync', execution);
  await node.next('log_ack');
  await node.next('sync_ack');
  for (let count = 0; count < MANY; count++) {
    const other = attemptFrame();
    node.send('attempt_sync', other);
    node.send('execution_sync', { ...executionFrame(other), execution_id: execution.execution_id });
    expect(await node.next('sync_refused')).toEqual({
      attempt_id: other.attempt_id,
      execution_id: execution.execution_id,
      revision: 1,
      code: 'execution_of_another_attempt',
    });
    await node.next('sync_ack');
  }
  expect(node.received.map(({ type }) => type)).not.toContain('log_ack');
  await announceOwn(node);
  node.close();
});

test('executions of attempts that the hive has lost are no faults: the node announces the attempts', async () => {
  const node = await connect([]);
  for (let count = 0; count < MANY; count++) {
    const execution = executionFrame(attemptFrame());
    node.send('execution_sync', execution);
    expect((await node.next('error')).message_id).toBe(execution.execution_id);
  }
  await announceOwn(node);
  node.close();
});
