/** Several installations, and several versions of one, beside each other in a Temporal namespace. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { InstallationClient } from '../backfills/installation.js';
import { startUnlessRunning } from '../backfills/start.js';
import { testServices } from './harness/services.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

const ATTEMPTS = 6;
const worlds: World[] = [];

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.stop()));
});

async function newWorld(options?: Parameters<typeof World.create>[0]): Promise<World> {
  const world = await World.create(options);
  worlds.push(world);
  return world;
}

/** Records attempts while the node is offline, then connects it. @returns the attempts' ids */
async function backfillSome(world: World, hive: HiveHandle): Promise<string[]> {
  const agent = world.newAgent();
  const recorded = await Promise.all(
    Array.from({ length: ATTEMPTS }, (_, index) => agent.record(['seq', String(index + 1)])),
  );
  agent.connect(hive.url, await world.newKey());
  return recorded.map(({ attemptId }) => attemptId);
}

const areComplete = (world: World) => async () =>
  (await world.database.attemptSync.count({ where: { state: 'complete' } })) === ATTEMPTS;

async function schedulesOf(world: World): Promise<string[]> {
  const ids = [];
  for await (const { scheduleId } of world.temporal.schedule.list()) ids.push(scheduleId);
  return ids.sort();
}

test('two installations in one namespace do not see each other’s work', async () => {
  const production = await newWorld({ isNew: true });
  const staging = await newWorld({ isNew: true, namespace: production.namespace });
  const env = { HIVE_RECONCILE_INTERVAL_SECONDS: '1' };
  const started = [];
  for (const world of [production, staging]) {
    const hive = await world.startHive({ env });
    started.push({ world, hive, ids: await backfillSome(world, hive) });
  }
  for (const { world } of started) await until(areComplete(world), 60_000, 'all attempts are complete');

  const names = [];
  for (const { world, hive, ids } of started) {
    const { name } = await world.database.installation.findFirstOrThrow();
    names.push(name);
    await world.workflowRuns(`TaskQueue = 'hive-${name}.2' AND WorkflowType = 'reconcile'`, 1);
    for (const attemptId of ids) {
      const workflow = world.temporal.workflow.getHandle(`backfill/${attemptId}@${name}`);
      const { events } = await workflow.fetchHistory();
      const workers = new Set(events?.flatMap((event) => event.workflowTaskStartedEventAttributes?.identity ?? []));
      expect([...workers].map((identity) => identity.split('@')[0])).toEqual([String(hive.program.child.pid)]);
    }
    const listed = async () => {
      const { backfills } = await world.get<{ backfills: { attempt_id: string }[] }>(hive, '/v1/backfills');
      return new Set(backfills.map((backfill) => backfill.attempt_id));
    };
    await until(async () => (await listed()).size >= ids.length, 60_000, 'all backfills are listed'); // visibility lags
    expect(await listed()).toEqual(new Set(ids));
    const { sync } = await world.get<{ sync: object }>(hive, `/v1/nodes/task-attempts/${ids[0]}`);
    expect(sync).toMatchObject({ workflow_id: `backfill/${ids[0]}@${name}` });
  }
  await until(async () => (await schedulesOf(production)).length === 2, 60_000, 'each has a schedule of its own');
  expect(await schedulesOf(production)).toEqual(names.map((name) => `reconcile@${name}`).sort());
});

test('an installation whose name another one has does no work, and says to set HIVE_INSTALLATION', async () => {
  const first = await newWorld();
  await first.startHive();
  const second = await newWorld({ namespace: first.namespace });
  const refused = await second.startHive({ isWaitedFor: false });
  const log = () => readFile(join(second.directory, 'hive.log'), 'utf8');
  await until(async () => (await log()).includes('set HIVE_INSTALLATION'), 60_000, 'the log says what to do');
  expect(await second.readiness(refused)).toMatchObject({ workers: 'degraded' });
  const { id } = await first.database.installation.findFirstOrThrow();
  const schedule = first.temporal.schedule.getHandle('reconcile');
  expect((await schedule.describe()).action.memo).toEqual({ installation: id });
  await sleep(5000); // it tries again every 2 s
  const errors = (await log()).split('\n').filter((line) => /"level":(50|"error")/.test(line));
  expect(errors.filter((line) => line.includes('set HIVE_INSTALLATION'))).toHaveLength(1);
  await refused.program.kill('SIGTERM');

  const named = await second.startHive({ env: { HIVE_INSTALLATION: 'staging' } });
  await named.program.kill('SIGTERM');
  await second.startHive({ env: { HIVE_INSTALLATION: 'staging-2' } });
  const expected = ['reconcile', 'reconcile@staging-2']; // that of the former name is gone
  await until(async () => (await schedulesOf(first)).join() === expected.join(), 60_000, expected.join());
  expect((await schedule.describe()).action.memo).toEqual({ installation: id });
});

test('beside a worker of an older version, every attempt is complete without waiting; what that one left is ended', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const world = await newWorld();
  const connection = await NativeConnection.connect({ address: testServices().temporalAddress });
  const { namespace } = world;
  const workflowsPath = join(import.meta.dirname, '..', 'workflows', 'index.ts');
  const hive = await world.startHive();
  const older = await Worker.create({
    connection,
    namespace,
    taskQueue: 'hive',
    workflowBundle: await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') }),
    activities: { onlyOfThatVersion: () => Promise.resolve() },
  });
  const running = older.run();
  const [attemptId = ''] = await backfillSome(world, hive);
  await until(areComplete(world), 60_000, 'all attempts are complete');
  const failed = await world.workflowRuns(`WorkflowType IN ('backfillAttempt', 'drainNode')`, ATTEMPTS);
  for (const run of failed) expect([run.taskQueue, run.status.name]).toEqual(['hive.2', 'COMPLETED']);
  older.shutdown();
  await running;

  // as a hive of that version starts one, and then is stopped
  const client = new InstallationClient({ connection, namespace }, { id: '', name: '' });
  Object.defineProperty(client.names, 'queue', { value: 'hive' });
  const { nodeId, organizationId } = await world.database.attempt.findUniqueOrThrow({ where: { id: attemptId } });
  const attempt = { attemptId, nodeId, organizationId, nodeTimeoutSeconds: 5 };
  await startUnlessRunning(client, { ...attempt, trigger: 'manual', type: 'full_attempt' });
  const left = client.workflow.getHandle(client.names.backfillId(attemptId));
  expect(await left.result()).toMatchObject({ outcome: 'complete' });
  expect((await left.describe()).taskQueue).toBe('hive');
  await connection.close();
});
