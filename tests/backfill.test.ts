/** The main job: what a node recorded offline becomes complete in the hive, line for line, whatever dies in between. */
import { once } from 'node:events';
import { cp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FaultProxy } from './chaos/fault-proxy.js';
import { attemptOf, logOf, recordedLog, untilComplete } from './harness/api.js';
import { copyDatabase } from './harness/database.js';
import { hashLines } from './harness/node-agent.js';
import type { NodeAgent } from './harness/node-agent.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

/** Of a log of 400,000 short lines: more than 20,000 of them, and far from all. */
const STALLS_AFTER_BYTES = 500_000;

let world: World;

beforeEach(async () => {
  world = await World.create();
});

afterEach(async () => world.stop());

function complete(hive: HiveHandle, attemptId: string, timeoutMs = 60_000): Promise<void> {
  return untilComplete(world, hive, attemptId, timeoutMs);
}

async function expectEqual(agent: NodeAgent, hive: HiveHandle, attemptId: string, lines: number): Promise<void> {
  const view = await attemptOf(world, hive, attemptId);
  expect(view.sync).toMatchObject({ state: 'complete', lines_declared: lines, lines_stored: lines });
  const own = recordedLog(agent, view);
  expect(own).toHaveLength(lines);
  expect(hashLines(await logOf(world, hive, attemptId))).toBe(hashLines(own));
}

async function storedLines(): Promise<number> {
  const [row] = await world.database.$queryRaw<
    { lines: bigint | null }[]
  >`SELECT sum(stored_lines) AS lines FROM execution`;
  return Number(row?.lines ?? 0);
}

/**
 * A path from a node to a hive whose first connection stands still once so much was sent that a part of its lines is stored.
 * Otherwise all of them could be, by the time that the test has seen the part.
 */
async function pathThatStalls(target: () => number): Promise<FaultProxy> {
  let sent = 0;
  const observe = (chunk: Buffer, connection: number) => {
    if (connection > 1) return;
    sent += chunk.length;
    if (sent > STALLS_AFTER_BYTES) proxy.stall();
  };
  const proxy: FaultProxy = await FaultProxy.listen({ target, observe });
  return proxy;
}

/** A statement that a killed process was waiting for may still end. */
async function untilGone(applicationName: string): Promise<void> {
  const isGone = async () => {
    const [row] = await world.database.$queryRaw<{ count: number }[]>`
      SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = ${applicationName}`;
    return row?.count === 0;
  };
  await until(isGone, 60_000, `PostgreSQL has ended the connections of ${applicationName}`);
}

/** @returns the number of lines that this hive process has stored since its start */
async function linesStoredBy(hive: HiveHandle): Promise<number> {
  const metrics = await (await fetch(`${hive.url}/metrics`)).text();
  return Number(/^log_lines_stored_total (\d+)/m.exec(metrics)?.[1] ?? 0);
}

async function residentMiB(hive: HiveHandle): Promise<number> {
  const status = await readFile(`/proc/${hive.program.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

test('100,000 lines recorded offline are complete and equal, within 64 MiB of memory', async () => {
  const agent = world.newAgent();
  const { attemptId, status } = await agent.record([
    'seq',
    '-f',
    'line %g of a log with some text in it',
    '1',
    '100000',
  ]);
  expect(status).toBe(0);
  const hive = await world.startHive();
  const before = await residentMiB(hive);
  let peak = before;
  const watch = setInterval(() => void residentMiB(hive).then((now) => (peak = Math.max(peak, now))), 20);
  agent.connect(hive.url, await world.newKey());
  await complete(hive, attemptId);
  clearInterval(watch);
  process.stdout.write(`hive grew by ${(peak - before).toFixed(1)} MiB while 100,000 lines were backfilled\n`);
  expect(peak - before).toBeLessThan(64);
  await expectEqual(agent, hive, attemptId, 100_000);
});

test('a hive killed in the middle goes on after the last stored line, in the same workflow', async () => {
  const agent = world.newAgent();
  const { attemptId } = await agent.record(['seq', '1', '400000']);
  const key = await world.newKey();
  const named = new URL(world.testDatabase.url);
  named.searchParams.set('application_name', 'killed-hive');
  const first = await world.startHive({ env: { LOG_LEVEL: 'info', DATABASE_URL: named.href } });
  let { url } = first;
  const proxy = await pathThatStalls(() => Number(new URL(url).port));
  agent.connect(`http://127.0.0.1:${proxy.port}`, key);
  await until(async () => (await storedLines()) > 20_000, 60_000, 'a part is stored');
  await first.program.kill('SIGKILL');
  await untilGone('killed-hive');
  const storedBefore = await storedLines();
  expect(storedBefore).toBeLessThan(400_000);
  const second = await world.startHive();
  ({ url } = second);
  proxy.cut();
  proxy.resume();
  await complete(second, attemptId, 90_000);
  expect(await linesStoredBy(second)).toBe(400_000 - storedBefore);
  await expectEqual(agent, second, attemptId, 400_000);
  expect(await world.workflowRuns(`WorkflowId = "backfill/${attemptId}"`, 1)).toHaveLength(1);
  await proxy.close();
}, 240_000);

test('a node killed in the middle goes on after the last stored line', async () => {
  const agent = world.newAgent();
  const { attemptId } = await agent.record(['seq', '1', '400000']);
  const hive = await world.startHive();
  const key = await world.newKey();
  const proxy = await pathThatStalls(() => Number(new URL(hive.url).port));
  agent.connect(`http://127.0.0.1:${proxy.port}`, key);
  await until(async () => (await storedLines()) > 20_000, 60_000, 'a part is stored');
  await agent.stop('SIGKILL');
  await proxy.close();
  expect(await storedLines()).toBeLessThan(400_000);
  agent.connect(hive.url, key);
  await complete(hive, attemptId, 90_000);
  expect(await linesStoredBy(hive)).toBe(400_000);
  await expectEqual(agent, hive, attemptId, 400_000);
}, 240_000);

test('25 incomplete attempts of a returning node all complete, at most 10 at once', async () => {
  const agent = world.newAgent();
  const attempts: string[] = [];
  for (let index = 0; index < 25; index++) {
    attempts.push((await agent.record(['sh', '-c', `echo attempt ${index}; echo err >&2`])).attemptId);
  }
  // without the schedule's rounds, which could drain it once more
  const hive = await world.startHive({ env: { HIVE_RECONCILE_INTERVAL_SECONDS: '3600' } });
  agent.connect(hive.url, await world.newKey());
  // not through the API: a read of a partial attempt starts a backfill of its own
  const isDone = async () => (await world.database.attemptSync.count({ where: { state: 'complete' } })) === 25;
  await until(isDone, 90_000, 'all are complete'); // a drain that a busy Temporal misses is asked for again after 30 s
  const runs = await world.workflowRuns(`WorkflowType = "backfillAttempt"`, 25);
  expect(runs).toHaveLength(25);
  const times = runs.flatMap(({ startTime, closeTime }) => [
    { at: startTime.getTime(), change: 1 },
    { at: closeTime?.getTime() ?? Infinity, change: -1 },
  ]);
  let running = 0;
  let most = 0;
  for (const { change } of times.sort((a, b) => a.at - b.at || a.change - b.change)) {
    running += change;
    most = Math.max(most, running);
  }
  expect(most).toBeLessThanOrEqual(10);
  expect(await world.workflowRuns(`WorkflowType = "drainNode"`, 1)).toHaveLength(1);
  for (const attemptId of attempts.slice(0, 3)) await expectEqual(agent, hive, attemptId, 2);
});

test('an attempt announced after login, one without lines, and one that gets another execution all become complete', async () => {
  const agent = world.newAgent();
  const silent = await agent.record(['true']);
  const hive = await world.startHive();
  agent.connect(hive.url, await world.newKey());
  await complete(hive, silent.attemptId);
  await expectEqual(agent, hive, silent.attemptId, 0);

  const late = await agent.record(['echo', 'late']);
  await complete(hive, late.attemptId);

  await agent.record(['echo', 'again'], ['--attempt', late.attemptId]);
  await until(
    async () => (await attemptOf(world, hive, late.attemptId)).executions.length === 2,
    60_000,
    'the second execution',
  );
  await complete(hive, late.attemptId);
  await expectEqual(agent, hive, late.attemptId, 2);
});

test('no log content enters a workflow history', async () => {
  const agent = world.newAgent();
  const marker = 'SECRET_LINE_CONTENT';
  await agent.record(['sh', '-c', `for i in $(seq 200); do echo ${marker}_$i; done`]);
  const hive = await world.startHive();
  agent.connect(hive.url, await world.newKey());
  // not through the API: a read could start the backfill and leave the drain nothing to do
  const isDone = async () => (await world.database.attemptSync.count({ where: { state: 'complete' } })) === 1;
  await until(isDone, 60_000, 'it is complete');
  const runs = await world.workflowRuns('', 2);
  expect(runs.length).toBeGreaterThanOrEqual(2);
  for (const { workflowId, runId } of runs) {
    const history = JSON.stringify(await world.temporal.workflow.getHandle(workflowId, runId).fetchHistory());
    expect(history).not.toContain(marker);
    expect(history).not.toContain(Buffer.from(marker).toString('base64').slice(0, -3));
  }
});

test('a hive whose database went back to a backup gets back what had become complete since', async () => {
  const agent = world.newAgent();
  const { attemptId: before } = await agent.record(['seq', '1', '50']);
  const hive = await world.startHive();
  agent.connect(hive.url, await world.newKey());
  await complete(hive, before);
  const backup = await copyDatabase(world.testDatabase.url);
  const { attemptId: after } = await agent.record(['seq', '1', '80']);
  await complete(hive, after);
  await agent.record(['seq', '1', '30'], ['--attempt', before]);
  await until(async () => (await attemptOf(world, hive, before)).executions.length === 2, 60_000, 'the new execution');
  await complete(hive, before);
  await hive.program.kill('SIGTERM');

  const port = Number(new URL(hive.url).port);
  const restored = await world.startHive({ port, env: { DATABASE_URL: backup.url } });
  await complete(restored, after);
  await expectEqual(agent, restored, after, 80);
  await until(async () => (await attemptOf(world, restored, before)).executions.length === 2, 60_000, 'it comes again');
  await complete(restored, before);
  await expectEqual(agent, restored, before, 80);
  await restored.program.kill('SIGTERM');
  await backup.drop();
});

test('an attempt that was running at a node whose store went back to a backup does not stay running forever', async () => {
  const agent = world.newAgent();
  const { attemptId: kept } = await agent.record(['echo', 'kept']);
  const backup = join(world.directory, 'backup');
  await cp(agent.directory, backup, { recursive: true });
  const { child, attemptId } = agent.startRecording(['sleep', '60']);
  const lost = await attemptId;
  const hive = await world.startHive();
  const key = await world.newKey();
  agent.connect(hive.url, key);
  const isRunning = async () => (await attemptOf(world, hive, lost)).executions[0]?.status === 'running';
  await until(isRunning, 60_000, 'the hive knows that it is running');
  await agent.stop();
  const killed = once(child, 'exit');
  child.kill('SIGKILL');
  await killed; // until then it writes
  await rm(agent.directory, { recursive: true });
  await rename(backup, agent.directory);

  agent.connect(hive.url, key);
  const isLost = async () => (await attemptOf(world, hive, lost)).sync.state === 'unavailable';
  await until(isLost, 60_000, 'the hive knows that it is lost');
  expect((await attemptOf(world, hive, lost)).sync).toMatchObject({ unavailable_reason: 'not_found' });
  await complete(hive, kept);
});
