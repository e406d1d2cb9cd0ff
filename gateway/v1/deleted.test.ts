/** An original node goes on announcing and pushing an attempt that an admin has deleted. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ScriptedV1Node, v1Rows } from '../../tests/harness/scripted-v1-node.js';
import { ASKS_AT_LOGIN_ONLY, startTestGateway, type TestGateway } from '../../tests/harness/test-gateway.js';
import { until } from '../../tests/harness/until.js';
import { deleteAttempt, removeDeleted } from '../../prisma/queries/delete-attempt.js';
import { findStoredLog } from '../../prisma/queries/v1/stored-log.js';
import { appendPages } from '../../prisma/queries/v1/write-log.js';
import { checkPage, encodePage } from '../../protocol/page.js';

let hive: TestGateway;
let node: ScriptedV1Node;
beforeAll(async () => {
  hive = await startTestGateway({ watchBounds: ASKS_AT_LOGIN_ONLY });
  node = new ScriptedV1Node((await hive.newKey()).secret);
});
afterAll(async () => {
  node.drop();
  await hive.stop();
});

test('it stays deleted, costs the connection nothing, and holds up no other attempt', async () => {
  const { database, organizationId } = hive;
  const [deleted, other] = [node.addAttempt(), node.addAttempt()];
  const running = node.addExecution(deleted, v1Rows(10), { status: 'running' });
  const sibling = node.addExecution(other, v1Rows(10), { status: 'running' });
  const { node_id: nodeId } = await node.connect(hive.url);
  node.pushCycle();
  const storedOf = async ({ frame }: typeof running) =>
    (await database.execution.findUnique({ where: { id: frame.execution_id } }))?.storedLines ?? 0;
  await until(async () => (await storedOf(running)) > 0 && (await storedOf(sibling)) > 0);
  const log = await findStoredLog(database, String(nodeId), running.frame.execution_id);
  const { attempt_id: id } = deleted.frame;
  expect(await deleteAttempt(database, { organizationId }, id, null)).toMatchObject({ isNew: true });

  // lines that this hive was just about to store are dropped, and do not end the session as if it was superseded
  const { fence } = await database.nodeLease.findUniqueOrThrow({ where: { nodeId: String(nodeId) } });
  const gzip = await encodePage('{"output_type":"stdout","content":"late","timestamp":"2026-01-01T10:00:00Z"}');
  if (!log) throw new Error('the log was not stored');
  const [firstSeq, lastSeq] = [log.storedLines + 1, log.storedLines + 1];
  const page = { firstSeq, lastSeq, gzip, content: await checkPage(gzip, firstSeq, lastSeq) };
  await appendPages(database, { nodeId: String(nodeId), fence }, log, [page], true);

  node.pushAttempt(deleted);
  node.pushExecution(deleted, node.addExecution(deleted, v1Rows(5)));
  node.sendBatch(deleted, running, v1Rows(3));
  node.pushAttempt(deleted);
  const late = node.addAttempt();
  node.pushAttempt(late);
  await until(async () => (await database.attempt.count({ where: { id: late.frame.attempt_id } })) === 1);
  await removeDeleted(database, () => false);
  expect(await database.attempt.count({ where: { id } })).toBe(0);
  expect(await database.execution.count({ where: { attemptId: null } })).toBe(0);
  expect(await storedOf(running)).toBe(0);
  expect(hive.gateway.connectionTo(String(nodeId))).toBeDefined();
});
