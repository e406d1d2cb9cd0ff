/**
 * Workflows that started under older code must go on under the present code: recorded histories are replayed against
 * it. After a change guarded by patched(), `HIVESYNC_RECORD_HISTORIES=1 npm run test:unit -- tests/replay` records them
 * again.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { temporalExecutable } from '../workers/embedded/temporal-executable.js';
import { testServices } from './harness/services.js';
import { attemptFrame, executionFrame, ScriptedNode } from './harness/scripted-node.js';
import { until } from './harness/until.js';
import { World } from './harness/world.js';

const HISTORIES = join(import.meta.dirname, 'histories');
const BUNDLE = join(import.meta.dirname, '..', 'dist', 'workflows', 'bundle.cjs');

if (process.env['HIVESYNC_RECORD_HISTORIES'] === '1') {
  test('recording what happens to workflows', async () => {
    const world = await World.create();
    try {
      await recordScenarios(world);
    } finally {
      await world.stop();
    }
  }, 180_000);
}

test('recorded histories replay', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const files = (await readdir(HISTORIES)).filter((file) => file.endsWith('.json'));
  expect(files.length).toBeGreaterThanOrEqual(6);
  const histories = await Promise.all(
    files.map(async (file) => ({
      workflowId: file,
      history: historyFromJSON(JSON.parse(await readFile(join(HISTORIES, file), 'utf8'))),
    })),
  );
  const replayed: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle: { codePath: BUNDLE } },
    histories,
  )) {
    if (error) throw new Error(`${workflowId} does not replay`, { cause: error });
    replayed.push(workflowId);
  }
  expect(replayed.sort()).toEqual(files.sort());
});

test('a history of other code does not replay', async () => {
  const [file] = (await readdir(HISTORIES)).filter((name) => name.startsWith('backfill-complete'));
  const json = JSON.parse(await readFile(join(HISTORIES, file ?? ''), 'utf8')) as {
    events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
  };
  for (const { activityTaskScheduledEventAttributes: scheduled } of json.events) {
    if (scheduled) scheduled.activityType.name = 'somethingElse';
  }
  const history = historyFromJSON(json);
  await expect(Worker.runReplayHistory({ workflowBundle: { codePath: BUNDLE } }, history)).rejects.toThrow();
});

async function recordScenarios(world: World): Promise<void> {
  const save = async (name: string, workflowId: string) => {
    const temporal = await temporalExecutable(pino({ level: 'silent' }));
    const of = [
      '--address',
      testServices().temporalAddress,
      '--namespace',
      world.namespace,
      '--workflow-id',
      workflowId,
    ];
    const { stdout } = await promisify(execFile)(temporal, ['workflow', 'show', ...of, '--output', 'json'], {
      maxBuffer: 64 * 1024 * 1024,
    });
    await mkdir(HISTORIES, { recursive: true });
    await writeFile(join(HISTORIES, `${name}.json`), stdout);
  };
  const isState = (attemptId: string, state: string) => async () =>
    (await world.database.attemptSync.findUnique({ where: { attemptId } }))?.state === state;

  const agent = world.newAgent();
  const big = await agent.record(['seq', '1', '300000']);
  for (let index = 0; index < 12; index++) await agent.record(['echo', String(index)]);
  const env = { HIVE_RECONCILE_INTERVAL_SECONDS: '2', HIVE_NODE_TIMEOUT_SECONDS: '3' };
  const first = await world.startHive({ env });
  agent.connect(first.url, await world.newKey());
  const storesSome = async () => (await world.database.logPage.count()) > 20;
  await until(storesSome, 60_000, 'the big one is under way');
  await first.program.kill('SIGKILL');
  const second = await world.startHive({ port: Number(new URL(first.url).port), env });
  await until(
    async () => (await world.database.attemptSync.count({ where: { state: 'complete' } })) === 13,
    90_000,
    'complete',
  );
  await save('backfill-complete-after-hive-was-killed', `backfill/${big.attemptId}`);
  const small = await world.database.attemptSync.findFirstOrThrow({ where: { attemptId: { not: big.attemptId } } });
  await save('backfill-complete', `backfill/${small.attemptId}`);
  const node = await world.database.node.findFirstOrThrow();
  await world.workflowRuns(`WorkflowId = "drain/${node.id}"`, 1);
  await save('drain', `drain/${node.id}`);
  const [round] = await world.workflowRuns('WorkflowType = "reconcile" AND ExecutionStatus = "Completed"', 1);
  await save('reconcile', round?.workflowId ?? '');
  await agent.stop();

  const scripted = await ScriptedNode.connect(second.url, await world.newKey());
  const [cancelled, gone, offline] = [attemptFrame(), attemptFrame(), attemptFrame()];
  for (const attempt of [cancelled, gone, offline]) {
    scripted.send('attempt_sync', attempt);
    scripted.send('execution_sync', executionFrame(attempt, { status: 'completed', log_lines: 1 }));
    await scripted.next('sync_ack');
  }
  const read = (attemptId: string) => world.get(second, `/v1/nodes/task-attempts/${attemptId}`);
  await read(gone.attempt_id);
  const request = await scripted.next('describe_attempt');
  scripted.send('request_failed', { request_id: request.request_id, code: 'not_found', message: 'gone' });
  await until(isState(gone.attempt_id, 'unavailable'), 60_000, 'unavailable');
  await save('backfill-unavailable', `backfill/${gone.attempt_id}`);
  await read(cancelled.attempt_id);
  await scripted.next('describe_attempt');
  await world.temporal.workflow.getHandle(`backfill/${cancelled.attempt_id}`).cancel();
  await until(isState(cancelled.attempt_id, 'partial'), 60_000, 'cancelled');
  await save('backfill-cancelled', `backfill/${cancelled.attempt_id}`);
  await read(offline.attempt_id);
  await scripted.next('describe_attempt');
  scripted.close();
  await until(isState(offline.attempt_id, 'partial'), 60_000, 'node offline');
  await save('backfill-node-offline', `backfill/${offline.attempt_id}`);
}
