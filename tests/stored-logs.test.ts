import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { logOf, type LogEntry } from './harness/api.js';
import type { NodeAgent } from './harness/node-agent.js';
import { runHive } from './harness/processes.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

let world: World;
let hive: HiveHandle;
let agent: NodeAgent;
beforeAll(async () => {
  world = await World.create();
  hive = await world.startHive({ env: { HIVE_RECONCILE_INTERVAL_SECONDS: '1' } });
  agent = world.newAgent();
  agent.connect(hive.url, await world.newKey());
});
afterAll(async () => world.stop());

interface Output {
  status: number;
  /** Standard output, a JSON object per line. */
  lines: Record<string, Record<string, unknown>>[];
}

async function doctor(...args: string[]): Promise<Output> {
  const env = { DATABASE_URL: world.testDatabase.url };
  const { status, stdout, stderr } = await runHive(['doctor', '--json', ...args], env);
  if (stderr !== '') throw new Error(`doctor said: ${stderr}`);
  const lines = stdout.trim().split('\n');
  return { status, lines: lines.map((line) => JSON.parse(line) as Output['lines'][number]) };
}

async function stateOf(attemptId: string): Promise<string> {
  return (await world.database.attemptSync.findUniqueOrThrow({ where: { attemptId } })).state;
}
const untilComplete = (attemptId: string) =>
  until(async () => (await stateOf(attemptId)) === 'complete', 60_000, 'the attempt is complete');

async function executionOf(attemptId: string): Promise<string> {
  return (await world.database.execution.findFirstOrThrow({ where: { attemptId } })).id;
}

type Line = Pick<LogEntry, 'output_type' | 'content' | 'timestamp'>;

async function readAll(attemptId: string): Promise<Line[]> {
  const entries = await logOf(world, hive, attemptId);
  return entries.map(({ output_type, content, timestamp }) => ({ output_type, content, timestamp }));
}

const recorded = (executionId: string) => agent.lines(executionId).map((line) => JSON.parse(line) as Line);
const pagesOf = (executionId: string) => world.database.logPage.count({ where: { executionId, logEpoch: { gte: 0 } } });

test('a damaged page is found and marked, and the attempt heals: it is complete and equal to what the node has', async () => {
  const { attemptId } = await agent.record(['seq', '1', '25000']);
  await untilComplete(attemptId);
  const executionId = await executionOf(attemptId);
  const whole = await readAll(attemptId);
  expect(whole).toHaveLength(25_000);
  expect(await doctor()).toMatchObject({ status: 0, lines: [{ summary: { findings: 0, lines: 25_000 } }] });

  await world.database.$executeRaw`
    UPDATE log_page SET gzip = set_byte(gzip, 500, 255 - get_byte(gzip, 500))
    WHERE execution_id = ${executionId}::uuid AND 12000 BETWEEN first_seq AND last_seq`;
  await expect(readAll(attemptId)).rejects.toThrow('log_damaged');
  const finding = { code: 'page_damaged', execution_id: executionId, node_may_have_pruned: true };
  expect(await doctor('--attempt', attemptId, '--dry-run')).toMatchObject({
    status: 1,
    lines: [{ finding: { ...finding, outcome: 'would_repair' } }, { summary: { findings: 1, repaired: 0 } }],
  });
  expect(await stateOf(attemptId)).toBe('complete');
  expect(await doctor('--attempt', attemptId)).toMatchObject({
    status: 1,
    lines: [{ finding: { ...finding, outcome: 'repaired' } }, { summary: { findings: 1, repaired: 1 } }],
  });
  await untilComplete(attemptId);

  expect(await readAll(attemptId)).toEqual(whole);
  expect(whole).toEqual(recorded(executionId));
  expect((await doctor()).status).toBe(0);
  expect(await world.database.logPage.count({ where: { executionId, logEpoch: { lt: 0 } } })).toBe(0);
});

test("a live log's small pages are joined after the command has ended, and its lines equal the node's", async () => {
  // it ends when the small pages have been seen: a moment later they are joined
  const go = join(world.directory, 'go');
  const script = `for i in $(seq 1 60); do echo out $i; echo err $i >&2; sleep 0.05; done; until [ -e ${go} ]; do sleep 0.1; done`;
  const recording = agent.startRecording(['sh', '-c', script]);
  const attemptId = await recording.attemptId;
  await until(async () => (await pagesOf(await executionOf(attemptId))) > 3, 60_000, 'small pages arrive');
  const executionId = await executionOf(attemptId);
  await writeFile(go, '');
  await untilComplete(attemptId);
  await until(async () => (await pagesOf(executionId)) === 1, 60_000, 'its pages are joined');
  const lines = await readAll(attemptId);
  expect(lines).toEqual(recorded(executionId));
  expect(lines.filter((line) => line.output_type === 'stderr')).toHaveLength(60);
  expect((await doctor('--attempt', attemptId)).status).toBe(0);
});

test('an unknown attempt and an invalid id are refused', async () => {
  await expect(doctor('--attempt', '00000000-0000-4000-8000-000000000000')).rejects.toThrow('no attempt has the id');
  await expect(doctor('--attempt', 'x')).rejects.toThrow('must be a UUID');
});
