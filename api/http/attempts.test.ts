import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { attemptDetail } from './schemas/attempt.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';

let hive: TestHive;
let nodeId: string;

beforeAll(async () => {
  hive = await startTestHive();
  nodeId = await seedNode(hive.database, hive.own.id);
});
afterAll(() => hive.close());

test('an attempt is answered as its node describes it, with what the hive holds of it', async () => {
  const action = JSON.parse('{"z":"a\\u0000b\\ud800","a":{"__proto__":{"x":1}},"n":1}') as unknown;
  const attemptId = await seedAttempt(hive.database, {
    organizationId: hive.own.id,
    nodeId,
    metadata: { title: 'null \u0000 and lone \ud800', setup_completed_at: '2026-01-01T10:00:00.000000001Z' },
  });
  const executionId = await seedExecution(hive.database, {
    attemptId,
    nodeId,
    ordinal: 1,
    declaredLines: 5,
    metadata: { executor_action: action, exit_code: 3 },
  });
  await appendPage(hive.database, executionId, makeLines('a', 3));

  const response = await hive.get(`/v1/nodes/task-attempts/${attemptId}`);
  expect(response.status).toBe(200);
  const detail = attemptDetail.parse(response.body);
  expect(detail.attempt).toMatchObject({
    id: attemptId,
    title: 'null \u0000 and lone \ud800',
    created_at: '2026-01-01T10:00:00.123456789Z',
    setup_completed_at: '2026-01-01T10:00:00.000000001Z',
    assignment_id: null,
    sync_state: 'partial',
  });
  expect(response.text).toContain(JSON.stringify(action));
  expect(detail.executions).toMatchObject([{ id: executionId, exit_code: 3, log_lines: 5, stored_lines: 3 }]);
  expect(detail.is_complete).toBe(true);
  expect(detail.node_info).toMatchObject({ id: nodeId, status: 'online' });
  expect(detail.sync).toMatchObject({
    lines_declared: 5,
    lines_stored: 3,
    missing: [{ execution_id: executionId, first_seq: 4, last_seq: 5, reason: 'not_stored_yet' }],
  });
});
