/** What a version 1 node sends is stored once and known whole, whatever the database does in between. */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openDatabase } from '../../prisma/client.js';
import { Prisma, type Database } from '../../prisma/database.js';
import { listen } from '../../tests/harness/listen.js';
import { LostCommits } from '../../tests/harness/lost-commits.js';
import { storedLinesOf } from '../../tests/harness/page-lines.js';
import { ScriptedV1Node, v1Rows, type V1Attempt, type V1Execution } from '../../tests/harness/scripted-v1-node.js';
import {
  ASKS_AT_LOGIN_ONLY,
  batchConnectionTo,
  startTestGateway,
  type TestGateway,
} from '../../tests/harness/test-gateway.js';
import { taskData } from '../../tests/harness/scripted-v1-store.js';
import { until } from '../../tests/harness/until.js';
import { Gateway } from '../gateway.js';
import type { BatchConnection } from '../interface.js';

let hive: TestGateway;
let database: Database;
let proxy: LostCommits;
let behindProxy: Database;
let gateway: Gateway;
let server: Server;
let url: string;
let node: ScriptedV1Node;
let nodeId: string;
let connection: BatchConnection;

beforeAll(async () => {
  hive = await startTestGateway({ watchBounds: ASKS_AT_LOGIN_ONLY });
  ({ database } = hive);
  proxy = await LostCommits.listen(hive.databaseUrl);
  behindProxy = openDatabase(proxy.url);
  gateway = new Gateway({ ...hive.deps, database: behindProxy });
  server = createServer();
  gateway.attach(server);
  url = await listen(server);
});

beforeEach(async () => {
  node = new ScriptedV1Node((await hive.newKey()).secret);
  nodeId = (await node.connect(url))['node_id'] as string;
  connection = batchConnectionTo(gateway, nodeId);
  // the ask at the login has been answered
  await until(async () => node.requests === 1 && (await database.backfillRequest.count({ where: { nodeId } })) === 0);
});

afterEach(() => {
  proxy.disarm();
  node.drop();
});

afterAll(async () => {
  await gateway.stop();
  server.close();
  await behindProxy.$disconnect();
  await proxy.close();
  await hive.stop();
});

const full = ({ frame }: V1Attempt) =>
  connection.backfill(frame.attempt_id, 'full_attempt', new AbortController().signal);
const syncOf = ({ frame }: V1Attempt) =>
  database.attemptSync.findUniqueOrThrow({ where: { attemptId: frame.attempt_id } });
const rowOf = ({ frame }: V1Execution) => database.execution.findUnique({ where: { id: frame.execution_id } });

const linesOf = async ({ frame }: V1Execution) =>
  (await storedLinesOf(database, frame.execution_id)).map((line) => line.content);
const contents = (execution: V1Execution) => execution.rows.map((row) => row.content);

/** Waits until everything the node has sent is stored: a task goes through the same queue and is answered. */
async function settled(): Promise<unknown> {
  const task = taskData();
  node.send('task_sync', task);
  for (;;) {
    const answer = await node.next('task_sync_response');
    if (answer['local_task_id'] === task.local_task_id) return answer['shared_task_id'];
  }
}

describe('if the answer to a COMMIT is lost', () => {
  test('a batch that was pushed live is stored once', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(20), { status: 'running', completed_at: null });
    node.pushCycle();
    await until(async () => (await rowOf(execution))?.storedLines === 20);
    await settled();
    execution.rows.push(...v1Rows(1500, 21));
    proxy.lose(1);
    for (let cycle = 0; cycle < 3; cycle++) node.pushExecution(attempt, execution);
    await settled();
    expect(proxy.isArmed).toBe(false);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await rowOf(execution)).toMatchObject({ liveCursor: 1520, declaredLines: 1520, hasGap: false });
  });

  test('a batch that could not be appended is remembered once, and what follows is as if nothing had happened', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(10), { status: 'running', completed_at: null });
    await full(attempt);
    node.drop();
    await until(() => gateway.connectionTo(nodeId) === undefined);
    await node.connect(url);
    connection = batchConnectionTo(gateway, nodeId);
    await settled();
    const before = await database.attempt.findUniqueOrThrow({ where: { id: attempt.frame.attempt_id } });
    execution.rows.push(...v1Rows(10, 11));
    execution.pushed.rows = 15;
    proxy.lose(1);
    node.pushExecution(attempt, execution);
    await settled();
    expect(proxy.isArmed).toBe(false);
    const after = await database.attempt.findUniqueOrThrow({ where: { id: attempt.frame.attempt_id } });
    expect(after.revision - before.revision).toBe(1n);
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
  });

  test('a task keeps the id that it was given', async () => {
    proxy.lose(1);
    const id = await settled();
    expect(proxy.isArmed).toBe(false);
    expect(await database.task.findMany({ where: { nodeId }, select: { id: true } })).toEqual([{ id }]);
  });

  test('an execution’s end still makes its attempt need a backfill, and asks for it', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(3), { status: 'running', completed_at: null });
    await full(attempt);
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
    const revision = async () =>
      (await database.attempt.findUniqueOrThrow({ where: { id: attempt.frame.attempt_id } })).revision;
    const before = await revision();
    hive.drained.length = 0;
    execution.frame.status = 'completed';
    proxy.lose(1);
    node.send('execution_sync', execution.frame);
    await settled();
    expect(proxy.isArmed).toBe(false);
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: true });
    await until(() => hive.drained.includes(nodeId));
    expect(await revision()).toBe(before + 1n);
    await full(attempt);
    expect((await syncOf(attempt)).state).toBe('complete');
  });

  const commitsOf = async (work: () => Promise<unknown>) => {
    const before = proxy.commits;
    await work();
    return proxy.commits - before;
  };

  test.each([
    ['a new attempt', 0, 1200],
    ['an attempt whose log is replaced', 700, 1200],
  ])(
    'a backfill of %s stores each line once and settles its request, whichever COMMIT it was',
    async (_what, storedBefore, rows) => {
      const prepare = async () => {
        const attempt = node.addAttempt();
        const execution = node.addExecution(attempt, v1Rows(rows));
        node.pushAttempt(attempt);
        node.send('execution_sync', execution.frame);
        const wrong = v1Rows(storedBefore, 5); // lines before them were lost
        for (let from = 0; from < wrong.length; from += 500)
          node.sendBatch(attempt, execution, wrong.slice(from, from + 500));
        await settled();
        return { attempt, execution };
      };
      const undisturbed = await prepare();
      const commits = await commitsOf(() => full(undisturbed.attempt));
      expect(commits).toBeGreaterThanOrEqual(3); // the request, the lines, the end
      for (let which = 1; which <= commits; which++) {
        const { attempt, execution } = await prepare();
        proxy.lose(which);
        // the first one is the request's: it is not sent then, and its place is given back
        await full(attempt).catch(() => full(attempt));
        expect(proxy.isArmed).toBe(false);
        expect(await linesOf(execution)).toEqual(contents(execution));
        expect((await syncOf(attempt)).state).toBe('complete');
        expect(await rowOf(execution)).toMatchObject({ storedLines: rows, declaredLines: rows });
        expect(await database.backfillRequest.count({ where: { nodeId } })).toBe(0);
        const pages = await database.logPage.aggregate({
          where: { executionId: execution.frame.execution_id },
          _sum: { stdoutLines: true, stderrLines: true, systemLines: true },
        });
        const { stdoutLines, stderrLines, systemLines } = pages._sum;
        expect((stdoutLines ?? 0) + (stderrLines ?? 0) + (systemLines ?? 0)).toBe(rows);
      }
    },
  );
});

/** Makes every write to the table fail with an error that does not pass, until the returned function is called. */
async function failWrites(table: string, condition = 'true'): Promise<() => Promise<unknown>> {
  const name = `fail_${randomUUID().replaceAll('-', '')}`;
  await database.$executeRaw(
    Prisma.raw(`CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF ${condition} THEN RAISE EXCEPTION 'made by the test' USING ERRCODE = 'XX000'; END IF; RETURN NEW; END $$`),
  );
  await database.$executeRaw(
    Prisma.raw(`CREATE TRIGGER ${name} BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${name}()`),
  );
  return () => database.$executeRaw(Prisma.raw(`DROP TRIGGER ${name} ON ${table}`));
}

describe('what can’t be stored, although the database is there,', () => {
  test('is missed by the hive: the next batch is not appended in its place, and a backfill brings both', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(10), { status: 'running', completed_at: null });
    node.pushCycle();
    await settled();
    const mend = await failWrites('log_page');
    execution.rows.push(...v1Rows(10, 11));
    node.pushExecution(attempt, execution);
    await settled();
    await mend();
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: true });
    execution.rows.push(...v1Rows(10, 21));
    node.pushExecution(attempt, execution);
    await settled();
    expect(await linesOf(execution)).toHaveLength(10);
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
  });

  test('is missed even if the attempt has an assignment, whose id the batch names instead of the attempt’s', async () => {
    const attempt = node.addAttempt({ assignment_id: randomUUID() });
    const execution = node.addExecution(attempt, v1Rows(3), { status: 'running', completed_at: null });
    node.pushCycle();
    await settled();
    const mend = await failWrites('log_page');
    const entries = v1Rows(3, 4);
    const { assignment_id } = attempt.frame;
    node.send('logs_batch', { assignment_id, execution_process_id: execution.frame.execution_id, entries });
    await settled();
    await mend();
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: true });
  });

  test('does not take the answer’s request with it: the backfill fails at once, and the next one succeeds', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(5));
    node.pushAttempt(attempt);
    node.send('execution_sync', execution.frame);
    await settled();
    const mend = await failWrites('attempt_sync');
    const failed = full(attempt);
    await expect(failed).rejects.toMatchObject({ code: 'internal' });
    await mend();
    await full(attempt);
    expect((await syncOf(attempt)).state).toBe('complete');
    expect(await linesOf(execution)).toEqual(contents(execution));
  });

  test('does not keep what came with it from being stored, and a backfill that it was part of fails', async () => {
    const [bad, good] = [node.addAttempt(), node.addAttempt()];
    node.addExecution(bad, v1Rows(5));
    const mend = await failWrites('attempt', `NEW.id = '${bad.frame.attempt_id}'`);
    for (const attempt of [bad, good]) node.pushAttempt(attempt);
    await settled();
    const stored = await database.attempt.findMany({ where: { nodeId }, select: { id: true } });
    expect(stored).toEqual([{ id: good.frame.attempt_id }]);
    await expect(full(bad)).rejects.toMatchObject({ code: 'internal' });
    await mend();
    await full(bad);
    expect((await syncOf(bad)).state).toBe('complete');
  });
});

test('a backfill whose answer comes in while the database is away for a moment is finished when it is back', async () => {
  const attempt = node.addAttempt();
  const execution = node.addExecution(attempt, v1Rows(5));
  node.pushAttempt(attempt);
  node.send('execution_sync', execution.frame);
  await settled();
  let mend: () => Promise<unknown> = () => Promise.resolve();
  node.beforeResponse = async () => {
    await until(async () => (await rowOf(execution))?.storedLines === 5);
    await database.$executeRaw`ALTER TABLE attempt_sync RENAME TO attempt_sync_gone`; // an error that passes
    mend = () => database.$executeRaw`ALTER TABLE attempt_sync_gone RENAME TO attempt_sync`;
    setTimeout(() => void mend(), 500);
  };
  await full(attempt);
  expect((await syncOf(attempt)).state).toBe('complete');
  expect(await database.backfillRequest.count({ where: { nodeId } })).toBe(0);
  node.beforeResponse = () => undefined;
  execution.rows.push(...v1Rows(1, 6));
  await full(attempt); // the attempt is not stuck
  expect(await linesOf(execution)).toEqual(contents(execution));
});
