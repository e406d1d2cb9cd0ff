/** Greps all that a hive keeps and says of a recorded command for the node's key and for what was to be masked. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { projectRoot } from '../workers/project-root.js';
import { logOf, untilComplete } from './harness/api.js';
import { World } from './harness/world.js';

const NAMED = 'named-secret-Q4x7Zt9';
const CLI = join(projectRoot(), 'dist', 'node-agent', 'cli.js');

let world: World;
beforeEach(async () => {
  world = await World.create();
});
afterEach(async () => world.stop());

test("no credential is in the hive's database, in a history, in a log, or in an argument list", async () => {
  const key = await world.newKey();
  const agent = world.newAgent();
  mkdirSync(agent.directory, { mode: 0o700 });
  const config = join(agent.directory, 'node-agent.json');
  writeFileSync(config, JSON.stringify({ hive_url: 'http://127.0.0.1:9', api_key: key }), { mode: 0o600 });
  const script = `cat '${config}'; echo; env; printf %s "$NAMED" | base64; cat "/proc/self/environ" >&2; echo "$NAMED" >&2`;
  const { status, stderr } = spawnSync(
    process.execPath,
    [CLI, 'run', '--mask', 'NAMED', '--title', `with ${NAMED}`, '--', 'sh', '-c', script, NAMED],
    { env: { PATH: process.env['PATH'], ...agent.env, NODE_API_KEY: key, NAMED }, encoding: 'utf8' },
  );
  expect(status).toBe(0);
  const attemptId = /attempt ([0-9a-f-]{36})/.exec(stderr)?.[1] ?? '';

  const hive = await world.startHive({ env: { LOG_LEVEL: 'trace' } });
  const connection = agent.connect(hive.url, key);
  await untilComplete(world, hive, attemptId);
  const isFound = (text: string) =>
    [key, NAMED, Buffer.from(NAMED).toString('base64')].some((form) => text.includes(form));

  const log = JSON.stringify(await logOf(world, hive, attemptId));
  expect([isFound(log), log.includes('[masked:NODE_API_KEY]'), log.includes('[masked:NAMED]')]).toEqual([
    false,
    true,
    true,
  ]);
  const attempt = await world.get<{ executions: { masked?: number }[] }>(hive, `/v1/nodes/task-attempts/${attemptId}`);
  expect(JSON.stringify(attempt)).toContain('with [masked:NAMED]');
  expect(attempt.executions[0]?.masked).toBeGreaterThanOrEqual(5);

  const rows = await everyRow(world.testDatabase.url);
  expect(rows).toContain(attemptId);
  expect(isFound(rows)).toBe(false);
  await world.workflowRuns(`WorkflowId = 'backfill/${attemptId}'`, 1); // visibility lags
  const histories = await everyHistory(world);
  expect(histories).toContain(attemptId);
  expect(isFound(histories)).toBe(false);
  const lists = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && isFound(contentOf(`/proc/${name}/cmdline`)),
  );
  expect(lists).toEqual([]);
  await connection.kill('SIGTERM');
  await hive.program.kill('SIGTERM');
  for (const file of [join(world.directory, 'hive.log'), `${agent.directory}.log`]) {
    const text = contentOf(file);
    expect([file, text !== '', isFound(text)]).toEqual([file, true, false]);
  }
});

/** All tables as text; pages are read as logs instead. */
async function everyRow(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const texts: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      texts.push(...rows.map(({ row }) => row));
    }
    return texts.join('\n');
  } finally {
    await client.end();
  }
}

async function everyHistory({ temporal }: World): Promise<string> {
  const texts: string[] = [];
  for await (const { workflowId, runId } of temporal.workflow.list()) {
    collect(await temporal.workflow.getHandle(workflowId, runId).fetchHistory(), texts);
  }
  return texts.join('\n');
}

/** All strings and bytes within a value. */
function collect(value: unknown, texts: string[]): void {
  if (typeof value === 'string') texts.push(value);
  else if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString());
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) collect(part, texts);
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the process has ended
  }
}
