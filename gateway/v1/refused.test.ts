import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ScriptedV1Node, v1Rows } from '../../tests/harness/scripted-v1-node.js';
import { batchConnectionTo, startTestGateway, type TestGateway } from '../../tests/harness/test-gateway.js';

let testGateway: TestGateway;
let node: ScriptedV1Node;

beforeAll(async () => {
  testGateway = await startTestGateway();
  node = new ScriptedV1Node((await testGateway.newKey()).secret);
});
afterAll(async () => {
  node.drop();
  await testGateway.stop();
});

test.each([
  ['is too large', { executor_action: { prompt: 'x'.repeat(5 * 1024 * 1024) } }],
  ['has an unknown status', { status: 'paused' }],
])('an attempt is not complete without an execution whose description %s', async (_, changes) => {
  const attempt = node.addAttempt();
  const sibling = node.addExecution(attempt, v1Rows(10));
  node.addExecution(attempt, v1Rows(10), changes);
  const { node_id: nodeId } = await node.connect(testGateway.url);
  const connection = batchConnectionTo(testGateway.gateway, nodeId);
  const { attempt_id: attemptId } = attempt.frame;
  const answer = connection.backfill(attemptId, 'full_attempt', new AbortController().signal);
  await expect(answer).rejects.toMatchObject({ code: 'internal' });
  const { database } = testGateway;
  expect(await database.attemptSync.findUnique({ where: { attemptId } })).toMatchObject({
    state: 'partial',
    needsBackfill: true,
  });
  const { execution_id: id } = sibling.frame;
  expect(await database.execution.findUnique({ where: { id } })).toMatchObject({ storedLines: 10 });
});
