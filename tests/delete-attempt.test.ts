/** An attempt that an admin deletes is gone at the hives and at its node, and stays so: a leaked secret can be removed. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { projectRoot } from '../workers/project-root.js';
import { attemptOf, untilComplete } from './harness/api.js';
import type { NodeAgent } from './harness/node-agent.js';
import { runHive } from './harness/processes.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

const SECRET = 'hunter2-leaked';

let world: World;
let hives: [HiveHandle, HiveHandle];
let agent: NodeAgent;
let key: string;

beforeAll(async () => {
  world = await World.create();
  key = await world.newKey();
  hives = [await world.startHive(), await world.startHive()];
  agent = world.newAgent();
  agent.connect(hives[0].url, key);
});
afterAll(() => world.stop());

const deleteOverTheOther = (id: string) =>
  runHive(['delete', id, '--yes', '--url', hives[1].url], { HIVE_DATA_DIR: join(world.directory, 'hive') });

async function status(path: string): Promise<number> {
  const headers = { authorization: `Bearer ${await world.adminToken()}` };
  return (await fetch(hives[0].url + path, { headers })).status;
}

/** @returns the node's files that contain the secret as it is; a page is compressed, so rows of few lines tell */
function filesWithSecret(): string[] {
  const entries = readdirSync(agent.directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return files.filter((file) => contentOf(file).includes(SECRET));
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0); // the node has just removed it
    throw error;
  }
}

const isForgotten = async (attemptId: string) =>
  (await world.database.deletedAttempt.findUnique({ where: { attemptId } }))?.forgottenAt != null;

const record = async (title = SECRET) => {
  const { attemptId } = await agent.record(['seq', '1', '5000'], ['--title', title]);
  await untilComplete(world, hives[0], attemptId);
  return attemptId;
};

/** Starts `hive logs -f`; `ended` becomes its exit status and what it said. */
function follow(attemptId: string) {
  const args = [join(projectRoot(), 'dist/workers/hive.js'), 'logs', '-f', attemptId];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, HIVE_DATA_DIR: join(world.directory, 'hive'), HIVE_URL: hives[0].url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const ended = once(child, 'close').then(([code]) => `${String(code)} ${said}`);
  return { hasPrinted: once(child.stdout, 'data'), ended };
}

test('it is gone at every hive and at its node, whichever hive has the socket, and stays gone', async () => {
  const attemptId = await record();
  const kept = await record('another');
  const { executions } = await attemptOf(world, hives[0], attemptId);
  const executionId = executions[0]?.id ?? '';
  expect(agent.lines(executionId)).toHaveLength(5000);
  expect(filesWithSecret()).not.toEqual([]);

  const usage = await runHive(['delete', attemptId], { HIVE_DATA_DIR: join(world.directory, 'hive') });
  expect(usage).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') });
  expect(await deleteOverTheOther(attemptId)).toMatchObject({ status: 0, stdout: `deleted ${attemptId}\n` });
  for (const path of ['', '/logs', '/logs/stream', '/logs/download'])
    expect([path, await status(`/v1/swarm/attempts/${attemptId}${path}`)]).toEqual([path, 404]);
  expect(await status(`/v1/nodes/task-attempts/${attemptId}`)).toBe(404);
  await until(() => isForgotten(attemptId), 60_000, 'the node has deleted it');
  expect(agent.lines(executionId)).toEqual([]);
  expect(filesWithSecret()).toEqual([]);
  await until(async () => (await world.database.execution.count({ where: { id: executionId } })) === 0);
  expect(await world.database.logPage.count({ where: { executionId } })).toBe(0);

  await agent.stop();
  agent.connect(hives[0].url, key);
  await record('a later one');
  expect(await status(`/v1/swarm/attempts/${attemptId}`)).toBe(404);
  expect(await status(`/v1/swarm/attempts/${kept}`)).toBe(200);
  expect(await deleteOverTheOther(attemptId)).toMatchObject({ status: 0 }); // once more is no fault
});

test('whoever records it goes on without recording, and says so; neither it nor a later run brings it back', async () => {
  const script = `echo ${SECRET}; read line < ${join(world.directory, 'go')}; echo more; exit 7`;
  await runShell(`mkfifo ${join(world.directory, 'go')}`);
  const recorder = agent.startRecording(['sh', '-c', script]);
  let said = '';
  recorder.child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const attemptId = await recorder.attemptId;
  const isPushed = async () =>
    (await world.database.execution.count({ where: { attemptId, storedLines: { gt: 0 } } })) === 1;
  await until(isPushed, 60_000, 'its first line is in the hive');
  const follower = follow(attemptId);
  await follower.hasPrinted;
  await deleteOverTheOther(attemptId);
  expect(await follower.ended).toBe('1 hive: the hive no longer has what was followed: it was deleted\n');
  await until(() => isForgotten(attemptId), 60_000, 'the node has deleted it');
  expect(filesWithSecret()).toEqual([]);

  const ended = once(recorder.child, 'close');
  await runShell(`echo go > ${join(world.directory, 'go')}`);
  expect((await ended)[0]).toBe(7);
  expect(said).toContain('an admin has deleted this attempt at the hive');
  const { status: exitCode } = await agent.record(['sh', '-c', `echo ${SECRET}; exit 3`], ['--attempt', attemptId]);
  expect(exitCode).toBe(3);
  expect(filesWithSecret()).toEqual([]);
  expect(await status(`/v1/swarm/attempts/${attemptId}`)).toBe(404);
});

test('a node that was away is told when it comes back, and again after its store went back to a backup', async () => {
  const attemptId = await record();
  await agent.stop();
  const backup = join(world.directory, 'backup');
  cpSync(agent.directory, backup, { recursive: true });
  await deleteOverTheOther(attemptId);
  expect(await isForgotten(attemptId)).toBe(false);
  agent.connect(hives[0].url, key);
  await until(() => isForgotten(attemptId), 60_000, 'the node has deleted it');
  await agent.stop();

  rmSync(agent.directory, { recursive: true });
  cpSync(backup, agent.directory, { recursive: true });
  expect(filesWithSecret()).not.toEqual([]);
  agent.connect(hives[1].url, key);
  await until(() => filesWithSecret().length === 0, 60_000, 'the node has deleted it from the backup, too');
  expect(await status(`/v1/swarm/attempts/${attemptId}`)).toBe(404);
});

const runShell = (command: string) => promisify(execFile)('sh', ['-c', command]);
