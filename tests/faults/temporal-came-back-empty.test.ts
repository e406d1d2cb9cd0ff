/** Temporal loses everything while hives run. They set it up again and go on, without a restart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { attemptOf } from '../harness/api.js';
import { attemptFrame, executionFrame, pageOf, ScriptedNode } from '../harness/scripted-node.js';
import { Servers } from '../harness/servers.js';
import { until } from '../harness/until.js';
import { World, type HiveHandle } from '../harness/world.js';

let directory: string;
let servers: Servers;
let world: World;
let hive: HiveHandle;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hivesync-empty-'));
  servers = new Servers(directory);
  world = await World.create({ temporalAddress: await servers.startTemporal() });
  const env = { HIVE_RECONCILE_INTERVAL_SECONDS: '1', HIVE_BACKFILL_TIMEOUT_MINUTES: '0.02' };
  hive = await world.startHive({ env });
});

afterAll(async () => {
  await world.stop();
  await servers.end();
});

test('a Temporal that came back empty is set up again, and what was being backfilled is completed', async () => {
  const node = await ScriptedNode.connect(hive.url, await world.newKey());
  const attempt = attemptFrame();
  const execution = executionFrame(attempt, { status: 'completed', exit_code: 0, log_lines: 1 });
  node.send('attempt_sync', attempt);
  node.send('execution_sync', execution);
  await node.next('sync_ack');
  node.send('announced', { count: 1 });
  await node.next('describe_attempt'); // not answered: its backfill is running
  const sync = async () => (await attemptOf(world, hive, attempt.attempt_id)).sync;
  expect((await sync()).state).toBe('pending_backfill');

  await servers.stop('temporal');
  for (const suffix of ['', '-wal', '-shm']) {
    await rm(join(directory, 'temporal', `temporal.db${suffix}`), { force: true });
  }
  await servers.start('temporal');
  // an operator makes the namespace again; until then the hive says what it lacks
  await until(async () => (await world.readiness(hive)).temporal === 'degraded', 60_000, 'degraded');
  await world.registerNamespace();

  let read = await node.nextFrame();
  for (; read?.type !== 'read_logs'; read = await node.nextFrame()) {
    if (!read) throw new Error('the socket closed');
    if (read.type !== 'describe_attempt') continue;
    const { request_id } = read.data; // a late one may be of the backfill that Temporal has lost
    node.send('attempt_described', { request_id, attempt, executions: [execution], more: false });
  }
  const lines = { execution_id: execution.execution_id, log_epoch: 1, first_seq: 1, last_seq: 1 };
  node.sendPageBytes(await pageOf(['line']), { request_id: read.data.request_id, ...lines });
  node.send('logs_end', { request_id: read.data.request_id, log_lines: 1, log_epoch: 1, status: 'completed' });
  await until(async () => (await sync()).state === 'complete', 60_000, 'complete');
  await until(async () => (await world.readiness(hive)).temporal === 'ok', 60_000, 'ok');
  node.close();
});
