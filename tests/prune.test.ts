/** What `node-agent prune` removes, and what becomes of a pruned attempt, with a real hive and a real node. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Database } from '../node-agent/store/sqlite.js';
import { SELECT_PRUNABLE } from '../node-agent/store/sql.js';
import { projectRoot } from '../workers/project-root.js';
import { attemptOf, logOf, untilComplete, type AttemptView } from './harness/api.js';
import { copyDatabase } from './harness/database.js';
import type { NodeAgent } from './harness/node-agent.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

let world: World;
let key: string;

beforeEach(async () => {
  world = await World.create();
  key = await world.newKey();
});

afterEach(async () => world.stop());

function command(agent: NodeAgent, hiveUrl: string, ...args: string[]) {
  const cli = join(projectRoot(), 'dist', 'node-agent', 'bundle', 'cli.js');
  const env = { ...agent.env, PATH: process.env['PATH'] ?? '', HIVE_URL: hiveUrl, NODE_API_KEY: key };
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

function prune(agent: NodeAgent, hive: HiveHandle) {
  const { status, stdout, stderr } = command(agent, hive.url, 'prune', '--older-than', '0', '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { removed, kept } = JSON.parse(stdout) as { removed: string[]; kept: { attempt_id: string; reason: string }[] };
  return { removed, kept };
}

/** Waits until the node, too, knows that it may prune as many attempts. */
async function untilPrunable(agent: NodeAgent, count: number): Promise<void> {
  const store = new Database(join(agent.directory, 'node.db'), { readOnly: true });
  try {
    const prunable = store.prepare(SELECT_PRUNABLE);
    const before = () => new Date(Date.now() + 60_000).toISOString();
    const isKnown = () => prunable.all({ before: before(), after: 0, limit: 100 }).length === count;
    await until(isKnown, 60_000, 'the node knows what it may prune');
  } finally {
    store.close();
  }
}

test('prune asks the hive: what the hive has lost stays and is announced again, and without an answer nothing is removed', async () => {
  const agent = world.newAgent();
  const { attemptId: kept } = await agent.record(['seq', '1', '50']);
  const hive = await world.startHive();
  agent.connect(hive.url, key);
  await untilComplete(world, hive, kept);
  const backup = await copyDatabase(world.testDatabase.url);
  const { attemptId: lost } = await agent.record(['seq', '1', '80']);
  await untilComplete(world, hive, lost);
  await untilPrunable(agent, 2);
  await agent.stop();
  await hive.program.kill('SIGTERM');

  const unanswered = command(agent, hive.url, 'prune', '--older-than', '0');
  expect(unanswered).toMatchObject({ status: 1, stdout: '' });
  expect(unanswered.stderr).toBe(
    `node-agent: the hive at ${hive.url} does not answer (ECONNREFUSED: nothing listens there); nothing was removed\n`,
  );

  const port = Number(new URL(hive.url).port);
  const restored = await world.startHive({ port, env: { DATABASE_URL: backup.url } });
  expect(prune(agent, restored)).toEqual({
    removed: [kept],
    kept: [{ attempt_id: lost, reason: 'the hive does not have it' }],
  });
  expect(JSON.parse(command(agent, hive.url, 'status', '--json').stdout)).toMatchObject({
    attempts: 1,
    complete: 0,
    unacknowledged: 1,
    pruned: 1,
    log_lines: 80,
  });
  agent.connect(restored.url, key);
  await untilComplete(world, restored, lost);
  await untilPrunable(agent, 1);
  expect(prune(agent, restored)).toEqual({ removed: [lost], kept: [] });
  expect(await logOf(world, restored, lost)).toHaveLength(80);
  await restored.program.kill('SIGTERM');
  await backup.drop();
});

test('a pruned attempt that runs again is the same attempt: its description stays, and the hive counts what was pruned', async () => {
  const agent = world.newAgent();
  const { attemptId } = await agent.record(['seq', '1', '50'], ['--title', 'first', '--executor', 'CLAUDE']);
  const hive = await world.startHive();
  agent.connect(hive.url, key);
  await untilComplete(world, hive, attemptId);
  const before = await attemptOf(world, hive, attemptId);
  await untilPrunable(agent, 1);
  await agent.stop();
  expect(prune(agent, hive)).toEqual({ removed: [attemptId], kept: [] });
  const printed = command(agent, hive.url, 'logs', attemptId);
  expect(printed).toMatchObject({ status: 0, stdout: '' });
  expect(printed.stderr).toContain('50 lines of execution');

  await agent.record(['seq', '1', '30'], ['--attempt', attemptId, '--title', 'second', '--executor', 'OTHER']);
  agent.connect(hive.url, key);
  await until(async () => (await attemptOf(world, hive, attemptId)).executions.length === 2, 60_000, 'it comes again');
  await untilComplete(world, hive, attemptId);
  const after = await attemptOf(world, hive, attemptId);
  expect(after.sync).toMatchObject({ state: 'complete', lines_declared: 80, lines_stored: 80, missing: [] });
  const { title, executor, created_at, revision } = before.attempt;
  expect(after.attempt).toMatchObject({ title, executor, created_at, execution_count: 2 });
  expect([title, executor]).toEqual(['first', 'CLAUDE']);
  expect(after.attempt.revision).toBeGreaterThan(revision);
  expect(after.executions.map((execution) => execution.gone_from_node)).toEqual([false, false]);
  expect(await logOf(world, hive, attemptId)).toHaveLength(80);
  await untilPrunable(agent, 1);
  expect(prune(agent, hive)).toEqual({ removed: [attemptId], kept: [] });
});

test('a hive that has lost a pruned attempt says which lines are missing and why, when everything is announced again', async () => {
  const agent = world.newAgent();
  const { attemptId } = await agent.record(['seq', '1', '50']);
  const hive = await world.startHive();
  agent.connect(hive.url, key);
  await untilComplete(world, hive, attemptId);
  await untilPrunable(agent, 1);
  expect(prune(agent, hive).removed).toEqual([attemptId]);
  await world.database.attempt.delete({ where: { id: attemptId } });
  const announced = command(agent, hive.url, 'announce', '--all', '--json');
  expect(announced).toMatchObject({ status: 0, stdout: '{"attempts":1}\n' });
  let missing: AttemptView['sync']['missing'] = [];
  const isKnown = async () => {
    missing = (await attemptOf(world, hive, attemptId)).sync.missing;
    return missing[0]?.reason === 'not_found_at_node';
  };
  await until(isKnown, 60_000, 'it is known what is missing');
  expect(missing).toMatchObject([{ first_seq: 1, last_seq: 50 }]);
});
