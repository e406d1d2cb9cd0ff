/** What nodes say of an attempt's end, its command, its agent's summary and masked values, as lists and views show it. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Prisma } from '../../prisma/database.js';
import { storeMetadata } from '../../prisma/queries/store-metadata.js';
import type { NodeSession } from '../../prisma/session.js';
import type { AttemptSync, ExecutionSync } from '../../protocol/frames.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { attemptFrame, executionFrame } from '../../tests/harness/scripted-node.js';
import { seedNode } from '../../tests/harness/seed.js';
import { attemptDetail, attemptPage } from '../schemas/attempt.js';

let hive: TestHive;
let session: NodeSession;

beforeAll(async () => {
  hive = await startTestHive();
  const nodeId = await seedNode(hive.database, hive.own.id);
  const lease = await hive.database.nodeLease.findUniqueOrThrow({ where: { nodeId } });
  session = { nodeId, organizationId: hive.own.id, fence: lease.fence };
});
afterAll(() => hive.close());

async function store(attempt: AttemptSync, ...executions: ExecutionSync[]) {
  await storeMetadata(hive.database, session, { attempts: [attempt], executions });
  return attempt.attempt_id;
}

async function listed(attemptId: string) {
  const page = attemptPage.parse((await hive.get('/v1/swarm/attempts?limit=1000')).body);
  return page.attempts.find(({ id }) => id === attemptId);
}

async function read(attemptId: string) {
  return attemptDetail.parse((await hive.get(`/v1/nodes/task-attempts/${attemptId}`)).body);
}

const script = (text: unknown) => ({ executor_action: { typ: { type: 'ScriptRequest', script: text } } });

test('a list shows how an attempt ended and what it ran, by its last execution', async () => {
  const attempt = attemptFrame({ title: null, execution_count: 2 });
  const first = executionFrame(attempt, { status: 'failed', exit_code: 3, ...script('npm test') });
  expect(await listed(await store(attempt, first))).toMatchObject({
    status: 'failed',
    exit_code: 3,
    command: 'npm test',
  });
  const second = executionFrame(attempt, { status: 'killed', exit_code: 137, ...script('cargo run') });
  await store({ ...attempt, revision: 2 }, { ...second, revision: 2 });
  const ended = { status: 'killed', exit_code: 137, command: 'cargo run' };
  expect(await listed(attempt.attempt_id)).toMatchObject(ended);
  expect((await read(attempt.attempt_id)).attempt).toMatchObject(ended);
});

test('an attempt runs while any of its executions does, and has no exit status then', async () => {
  const attempt = attemptFrame({ execution_count: 2 });
  const server = executionFrame(attempt, { run_reason: 'devserver', status: 'running' });
  const agent = executionFrame(attempt, { status: 'completed', exit_code: 0 });
  const id = await store(attempt, server, agent);
  expect(await listed(id)).toMatchObject({ status: 'running', exit_code: null, command: null });
  await store({ ...attempt, revision: 2 }, { ...server, status: 'killed', revision: 2 });
  expect(await listed(id)).toMatchObject({ status: 'completed', exit_code: 0 });
});

test('an attempt without executions has no status', async () => {
  const id = await store(attemptFrame({ execution_count: 0 }));
  expect(await listed(id)).toMatchObject({ status: null, exit_code: null, command: null, summary: null });
});

test('a command is bounded, and can be any JSON', async () => {
  const values: [unknown, string | null][] = [
    [script('x'.repeat(100_000)).executor_action, 'x'.repeat(500)],
    [script('a\0b\ud800').executor_action, 'a\ufffdb\ufffd'],
    [script({ toString: 'no' }).executor_action, null],
    [{ typ: null }, null],
    ['echo', null],
    [[], null],
    [JSON.parse('{"__proto__":{"typ":{"script":"x"}}}'), null],
    [null, null],
  ];
  for (const [executor_action, command] of values) {
    const attempt = attemptFrame();
    const id = await store(attempt, executionFrame(attempt, { executor_action, status: 'completed' }));
    expect(await listed(id)).toMatchObject({ command });
  }
});

test('the summary of the newest revision is shown, and an older one never replaces it', async () => {
  const summary = {
    executor: 'CLAUDE_CODE',
    model: 'm\0\ud800',
    session_id: 's',
    cost_usd: 0.25,
    turns: 7,
    last_message: 'done',
  };
  const attempt = attemptFrame({ revision: 5, summary });
  const execution = executionFrame(attempt, { status: 'completed', masked: 3 });
  const other = executionFrame(attempt, { status: 'completed', masked: 2_147_483_647 });
  const id = await store({ ...attempt, execution_count: 2 }, execution, other);
  expect((await listed(id))?.summary).toEqual(summary);
  expect(await read(id)).toMatchObject({
    attempt: { summary },
    masked: 2_147_483_650,
    executions: [{ masked: 3 }, { masked: 2_147_483_647 }],
  });
  await store({ ...attempt, revision: 4, summary: null }, { ...execution, revision: 4, masked: 0 });
  expect(await read(id)).toMatchObject({ attempt: { summary }, masked: 2_147_483_650 });
  await store({ ...attempt, revision: 6, summary: null }, { ...execution, revision: 6, masked: 4 });
  expect(await read(id)).toMatchObject({ attempt: { summary: null }, executions: [{ masked: 4 }, {}] });
});

test('another organisation sees none of it', async () => {
  const attempt = attemptFrame({ attempt_id: randomUUID(), summary: { model: 'secret' } });
  await store(attempt, executionFrame(attempt, script('secret')));
  const response = await hive.get('/v1/swarm/attempts', hive.foreign.viewer);
  expect(response.body).toMatchObject({ attempts: [] });
});

test('the migration finds the ends and commands of rows that are there already', async () => {
  const attempt = attemptFrame({ execution_count: 5 });
  const actions = [script('npm test'), script('x'.repeat(600)), script('nul\0'), { executor_action: 'text' }, {}];
  const executions = actions.map((action) => executionFrame(attempt, { status: 'failed', exit_code: 2, ...action }));
  await store(attempt, ...executions);
  const migration = join('prisma', 'migrations', '20261126230000_how_executions_ended', 'migration.sql');
  const [update = ''] = /^UPDATE.*?;/ms.exec(await readFile(migration, 'utf8')) ?? [];
  await hive.database.execution.updateMany({ data: { exitCode: null, command: null } });
  await hive.database.$executeRaw`${Prisma.raw(update)}`;
  const rows = await hive.database.execution.findMany({
    where: { attemptId: attempt.attempt_id },
    orderBy: { ordinal: 'asc' },
  });
  expect(rows.map(({ exitCode, command }) => [exitCode, command])).toEqual([
    [2, 'npm test'],
    [2, 'x'.repeat(500)],
    [null, null],
    [2, null],
    [2, null],
  ]);
});
