/**
 * What becomes of a version 1 node's lines when its connection ends. The node pushes each line once: what it had written
 * to the old socket and the hive had not read never comes again, and what follows says nothing of it.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Database } from '../../prisma/database.js';
import { forOrganization } from '../../prisma/organization-scope.js';
import { listMissingLines } from '../../prisma/queries/find-attempt.js';
import { storedLinesOf } from '../../tests/harness/page-lines.js';
import { ScriptedV1Node, v1Rows, type V1Attempt, type V1Execution } from '../../tests/harness/scripted-v1-node.js';
import {
  askedAtLogin,
  ASKS_AT_LOGIN_ONLY,
  batchConnectionTo,
  startTestGateway,
  type TestGateway,
} from '../../tests/harness/test-gateway.js';
import { until } from '../../tests/harness/until.js';
import { Random } from '../../tests/chaos/random.js';
import type { BatchConnection, NodeRequestError } from '../interface.js';

let hive: TestGateway;
let database: Database;
let node: ScriptedV1Node;
let nodeId: string;
let connection: BatchConnection;
/** How often the node had been asked before its last login. */
let asksBefore: number;

beforeAll(async () => {
  hive = await startTestGateway({ watchBounds: ASKS_AT_LOGIN_ONLY });
  ({ database } = hive);
});

beforeEach(async () => {
  node = new ScriptedV1Node((await hive.newKey()).secret);
  await login();
});

afterEach(() => node.drop());

afterAll(() => hive.stop());

async function login(): Promise<void> {
  asksBefore = node.asks;
  nodeId = (await node.connect(hive.url))['node_id'] as string;
  connection = batchConnectionTo(hive.gateway, nodeId);
}

/** Ends the TCP connection, and waits until the hive has taken in what had arrived. */
async function cut(): Promise<void> {
  node.drop();
  await until(() => hive.gateway.connectionTo(nodeId) === undefined);
}

async function reconnect(): Promise<void> {
  await cut();
  await login();
}

const never = new AbortController().signal;
const full = ({ frame }: V1Attempt) => connection.backfill(frame.attempt_id, 'full_attempt', never);
const syncOf = ({ frame }: V1Attempt) =>
  database.attemptSync.findUniqueOrThrow({ where: { attemptId: frame.attempt_id } });
const rowOf = ({ frame }: V1Execution) => database.execution.findUniqueOrThrow({ where: { id: frame.execution_id } });
const missing = ({ frame }: V1Attempt) =>
  listMissingLines(forOrganization(database, hive.organizationId), frame.attempt_id, 10);
const contents = (execution: V1Execution) => execution.rows.map((row) => row.content);

const linesOf = async ({ frame }: V1Execution) =>
  (await storedLinesOf(database, frame.execution_id)).map((line) => line.content);

const settled = () => node.settled();

const RUNNING = { status: 'running', completed_at: null };

/** An attempt whose execution has pushed these rows, on the present connection. */
async function running(rows: number): Promise<{ attempt: V1Attempt; execution: V1Execution }> {
  const attempt = node.addAttempt();
  const execution = node.addExecution(attempt, v1Rows(rows), { ...RUNNING });
  node.pushAttempt(attempt);
  node.pushExecution(attempt, execution);
  await settled();
  await full(attempt); // every new attempt is asked for once
  expect(await missing(attempt)).toEqual([]);
  return { attempt, execution };
}

/** @returns an attempt of which the hive knows that it has no execution yet */
async function withoutExecutions(): Promise<V1Attempt> {
  const attempt = node.addAttempt();
  node.pushAttempt(attempt);
  await settled();
  await full(attempt);
  return attempt;
}

/** The execution writes rows, and the node pushes them. */
function write(attempt: V1Attempt, execution: V1Execution, rows: number): void {
  execution.rows.push(...v1Rows(rows, execution.rows.length + 1));
  node.pushExecution(attempt, execution);
}

/** The execution writes rows, which the node pushes to a socket that is dead. */
function writeToDeadSocket(execution: V1Execution, rows: number): void {
  execution.rows.push(...v1Rows(rows, execution.rows.length + 1));
  execution.pushed.rows = execution.rows.length;
}

describe('after a cut', () => {
  test('lines that died with the socket are missed from the login on, and once they have come, live lines follow', async () => {
    const { attempt, execution } = await running(20);
    await cut();
    writeToDeadSocket(execution, 10);
    await login();
    const gap = [{ executionId: execution.frame.execution_id, firstSeq: 21, lastSeq: null, reason: 'gap' }];
    expect(await missing(attempt)).toEqual(gap);
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: true });
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toHaveLength(20);
    expect(await missing(attempt)).toEqual(gap);
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await missing(attempt)).toEqual([]);
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
    expect(await rowOf(execution)).toMatchObject({ logEpoch: 1, liveCursor: 50 });
  });

  test('one backfill is enough: what is pushed after it follows it, although none of it has been pushed on this connection', async () => {
    const { attempt, execution } = await running(20);
    await cut();
    writeToDeadSocket(execution, 10);
    await login();
    await full(attempt);
    write(attempt, execution, 5);
    write(attempt, execution, 5);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
  });

  test('lines that the node had not pushed yet are stored once, whether the backfill or the node is faster', async () => {
    const { attempt, execution } = await running(20);
    await reconnect();
    execution.rows.push(...v1Rows(700, 21)); // read for the backfill, pushed after it
    await full(attempt);
    node.pushExecution(attempt, execution);
    execution.rows.push(...v1Rows(10, 721));
    node.pushExecution(attempt, execution);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
  });

  test('an execution whose announcement died too is found by a backfill, and its lines are not begun in the middle', async () => {
    const attempt = await withoutExecutions();
    await cut();
    const execution = node.addExecution(attempt, v1Rows(20), { ...RUNNING });
    execution.pushed = { status: 'running', rows: 20 };
    await login();
    write(attempt, execution, 10);
    await settled();
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: true });
    await answer(attempt, [
      () => node.send('execution_sync', execution.frame),
      () => write(attempt, execution, 10), // between the description and the log
      () => node.sendBatch(attempt, execution, execution.rows),
      () => write(attempt, execution, 10), // and behind it
    ]);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await missing(attempt)).toEqual([]);
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
  });

  test('a log in parts of a few large lines, as our own node agent sends it, is put together', async () => {
    const attempt = node.addAttempt();
    const rows = v1Rows(12).map((row, index) => ({ ...row, content: `${index} `.padEnd(900_000, 'x') }));
    const execution = node.addExecution(attempt, rows);
    node.rowsPerBatch = 5;
    await full(attempt); // the hive knew nothing of it: the first part might as well be a live batch
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect((await syncOf(attempt)).state).toBe('complete');
  });

  test('a new execution that only an answer has told of may miss lines until its log has come', async () => {
    const attempt = await withoutExecutions();
    const execution = node.addExecution(attempt, v1Rows(20), { ...RUNNING });
    execution.pushed = { status: 'running', rows: 20 };
    await askedAtLogin(database, node, nodeId, asksBefore); // one ask is out at a time
    await connection.backfill(attempt.frame.attempt_id, 'executions', never);
    expect(await missing(attempt)).toMatchObject([{ firstSeq: 1, lastSeq: null }]);
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toEqual([]);
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await missing(attempt)).toEqual([]);
  });

  test('the rest of an answer that the former connection asked for says nothing about what is missing', async () => {
    const { attempt, execution } = await running(20);
    await reconnect();
    node.isMute = true;
    const { fullRequests } = node;
    const unanswered = full(attempt).catch((error: unknown) => error);
    const { attempt_id: attemptId } = attempt.frame;
    await until(() => node.fullRequests > fullRequests); // one that was reserved and not sent keeps no place
    const owed = await database.backfillRequest.findFirstOrThrow({ where: { attemptId } });
    const before = [...execution.rows];
    await cut();
    writeToDeadSocket(execution, 10);
    await login();
    await unanswered;
    node.isMute = false;
    node.send('execution_sync', execution.frame);
    node.sendBatch(attempt, execution, before);
    node.send('backfill_response', { request_id: owed.id, success: true, error: null, entities_sent: 1 });
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toHaveLength(20);
    expect(await missing(attempt)).toMatchObject([{ firstSeq: 21, lastSeq: null }]);
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await missing(attempt)).toEqual([]);
  });

  test('a batch that is newer than the answer and came before it is brought by a second backfill', async () => {
    const { attempt, execution } = await running(20);
    await cut();
    writeToDeadSocket(execution, 10);
    await login();
    const read = [...execution.rows];
    await answer(attempt, [
      () => write(attempt, execution, 10),
      () => node.send('execution_sync', execution.frame),
      () => node.sendBatch(attempt, execution, read),
    ]);
    expect(await linesOf(execution)).toEqual(read.map(({ content }) => content));
    expect(await missing(attempt)).toMatchObject([{ firstSeq: 31, lastSeq: null }]);
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: true });
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await missing(attempt)).toEqual([]);
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
  });

  test('a log with a hole that was stored earlier is replaced at once, while the execution runs', async () => {
    const { attempt, execution } = await running(20);
    writeToDeadSocket(execution, 10);
    write(attempt, execution, 10); // as if an older hive had appended them
    await settled();
    expect(await linesOf(execution)).toHaveLength(30);
    await reconnect();
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await rowOf(execution)).toMatchObject({ logEpoch: 2, hasGap: false });
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await rowOf(execution)).toMatchObject({ logEpoch: 2 });
  });

  test('what a hive that was killed has left of a new log does not keep the next one from replacing the stored log', async () => {
    const { attempt, execution } = await running(20);
    execution.rows.splice(0, 20, ...v1Rows(15, 100));
    const where = { executionId: execution.frame.execution_id };
    const [page] = await database.logPage.findMany({ where });
    if (!page) throw new Error('no page');
    await database.logPage.create({ data: { ...page, logEpoch: 2 } });
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await rowOf(execution)).toMatchObject({ logEpoch: 2, storedLines: 15 });
  });

  test('lines that are pushed while a log that differs comes in are not lost', async () => {
    const { attempt, execution } = await running(20);
    writeToDeadSocket(execution, 10);
    write(attempt, execution, 10);
    await settled(); // a hole
    const read = [...execution.rows];
    await answer(attempt, [
      () => node.send('execution_sync', execution.frame),
      () => node.sendBatch(attempt, execution, read),
      () => write(attempt, execution, 10),
    ]);
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
  });

  test('the beginning of a log that is pushed while its answer comes in is not taken for the whole log', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(20), { ...RUNNING });
    execution.pushed.status = 'running';
    await full(attempt); // brings what the node has not pushed yet
    const read = [...execution.rows];
    await answer(attempt, [
      () => node.send('execution_sync', execution.frame),
      () => node.pushExecution(attempt, execution, 5),
      () => node.sendBatch(attempt, execution, read),
    ]);
    expect(await linesOf(execution)).toEqual(contents(execution));
    for (let pushes = 0; pushes < 3; pushes++) node.pushExecution(attempt, execution, 5);
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await rowOf(execution)).toMatchObject({ logEpoch: 1, liveCursor: 30 });
  });

  test('a log that is pushed again from its start while its answer comes in is stored once', async () => {
    const { attempt, execution } = await running(5);
    await reconnect();
    execution.rows.push(...v1Rows(15, 6));
    await answer(attempt, [
      () => node.send('execution_sync', execution.frame),
      () => node.sendBatch(attempt, execution, execution.rows.slice(0, 5)), // a restarted node agent
      () => node.sendBatch(attempt, execution, execution.rows),
    ]);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await missing(attempt)).toEqual([]);
  });

  test('an execution that is announced after some of its lines may miss these', async () => {
    const attempt = await withoutExecutions();
    const execution = node.addExecution(attempt, v1Rows(10), { ...RUNNING });
    execution.pushed.status = 'running';
    node.pushExecution(attempt, execution); // no execution that the hive knows
    node.send('execution_sync', execution.frame);
    await settled();
    expect(await missing(attempt)).toMatchObject([{ firstSeq: 1, lastSeq: null, reason: 'gap' }]);
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toEqual([]);
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await missing(attempt)).toEqual([]);
  });

  test('a node that pushes a running log again from its start (a restarted node agent) doubles nothing', async () => {
    const { attempt, execution } = await running(1200);
    execution.pushed.rows = 500;
    await full(attempt);
    await reconnect();
    execution.pushed.rows = 0;
    node.pushExecution(attempt, execution); // 1 to 500
    await settled();
    await full(attempt);
    node.pushExecution(attempt, execution); // 501 to 1000
    write(attempt, execution, 10);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
  });

  test('lines that the node does not have any more are not asked for again at once', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(20));
    await full(attempt);
    expect((await syncOf(attempt)).state).toBe('complete');
    const { execution_id: id } = execution.frame;
    await database.execution.update({ where: { id }, data: { declaredLines: 30 } }); // as after a repair
    expect(await full(attempt)).toEqual({ done: true, linesStored: 0, changed: false });
    expect(await syncOf(attempt)).toMatchObject({ state: 'partial', needsBackfill: true });
  });

  test('a login of a node without running executions changes nothing', async () => {
    const attempt = node.addAttempt();
    node.addExecution(attempt, v1Rows(3));
    await full(attempt);
    const before = await database.attemptSync.findMany({ where: { nodeId } });
    await reconnect();
    expect(await database.attemptSync.findMany({ where: { nodeId } })).toEqual(before);
  });

  test('a dropped execution, which no backfill brings, is not asked for, and its lines are appended as they come', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(5), { ...RUNNING, dropped: true });
    node.pushAttempt(attempt);
    node.pushExecution(attempt, execution);
    await settled();
    await full(attempt);
    await reconnect();
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
    write(attempt, execution, 5);
    await settled();
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(await syncOf(attempt)).toMatchObject({ needsBackfill: false });
  });
});

describe('an execution that has just ended', () => {
  const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

  test('is asked for whole only when its log must have been written', async () => {
    const attempt = node.addAttempt();
    const completed_at = ago(4);
    const execution = node.addExecution(attempt, v1Rows(5), { completed_at });
    node.pushAttempt(attempt);
    node.send('execution_sync', execution.frame);
    await settled();
    let askedAt = Infinity;
    node.observe = (_, { data }) => {
      if (data['backfill_type'] === 'full_attempt') askedAt = Math.min(askedAt, Date.now());
    };
    const refusals: string[] = [];
    const refused = (error: unknown) => void refusals.push((error as NodeRequestError).code);
    await until(async () => (await full(attempt).catch(refused)) !== undefined);
    expect(refusals.filter((code) => code !== 'busy')).toEqual([]);
    expect(askedAt - Date.parse(completed_at)).toBeGreaterThan(9_900);
    expect((await syncOf(attempt)).state).toBe('complete');
    await expect(full(attempt)).resolves.toMatchObject({ done: true }); // and whenever somebody asks again
  });

  test('does not make its attempt complete by an answer that was asked for too early', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(5), { completed_at: ago(1) });
    await full(attempt); // the hive did not know of it
    expect(await syncOf(attempt)).toMatchObject({ state: 'partial', needsBackfill: true });
    execution.rows.push(...v1Rows(5, 6));
    await until(() => full(attempt).then(() => true));
    expect((await syncOf(attempt)).state).toBe('complete');
    expect(await linesOf(execution)).toEqual(contents(execution));
  });

  test('is asked for again as long as its last line had just been written when the node answered', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(2), { completed_at: ago(20) });
    // a little ahead, as a node's clock may be: the hive takes 5 s before or after for just now, and may be slow
    execution.rows.push(...v1Rows(2, 3).map((row) => ({ ...row, timestamp: ago(-3) })));
    await full(attempt);
    expect(await syncOf(attempt)).toMatchObject({ state: 'partial', needsBackfill: true });
    expect(await linesOf(execution)).toEqual(contents(execution));
    execution.rows.push(...v1Rows(2, 5).map((row) => ({ ...row, timestamp: ago(0) })));
    await until(async () => {
      await full(attempt).catch((error: unknown) => expect(error).toMatchObject({ code: 'busy' }));
      return (await syncOf(attempt)).state === 'complete';
    });
    expect(await linesOf(execution)).toEqual(contents(execution));
  });

  test('is asked for less often the longer its node has been writing, because each answer is the whole log', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(2), { completed_at: ago(120) });
    execution.rows.push(...v1Rows(2, 3).map((row) => ({ ...row, timestamp: ago(0) })));
    await full(attempt);
    expect(await syncOf(attempt)).toMatchObject({ state: 'partial', needsBackfill: true });
    for (let tries = 0; tries < 2; tries++) await expect(full(attempt)).rejects.toMatchObject({ code: 'busy' });
  });

  test.each([
    ['an agent that ended 20 s ago', 20, {}, 'partial'],
    ['an agent that ended a minute ago', 60, {}, 'complete'],
    ['a script that ended 20 s ago', 20, { run_reason: 'setupscript' }, 'complete'],
  ])('without lines: %s', async (_, seconds, changes, state) => {
    const attempt = node.addAttempt();
    node.addExecution(attempt, [], { completed_at: ago(seconds), ...changes });
    await full(attempt);
    expect((await syncOf(attempt)).state).toBe(state);
  });

  test('gets a late line when its worktree is deleted', async () => {
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, v1Rows(5));
    await full(attempt);
    expect((await syncOf(attempt)).state).toBe('complete');
    writeToDeadSocket(execution, 1);
    attempt.frame['worktree_deleted'] = true;
    node.pushAttempt(attempt);
    await settled();
    await full(attempt);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect((await syncOf(attempt)).state).toBe('complete');
  });

  test('is asked for once more after a cut, because lines may have been on their way', async () => {
    const [lately, long] = [node.addAttempt(), node.addAttempt()];
    const execution = node.addExecution(lately, v1Rows(5), { completed_at: ago(60) });
    node.addExecution(long, v1Rows(5), { completed_at: ago(3600) });
    for (const attempt of [lately, long]) {
      await full(attempt);
      expect((await syncOf(attempt)).state).toBe('complete');
    }
    await cut();
    writeToDeadSocket(execution, 5);
    await login();
    expect(await syncOf(lately)).toMatchObject({ state: 'partial', needsBackfill: true });
    expect(await syncOf(long)).toMatchObject({ state: 'complete', needsBackfill: false });
    await full(lately);
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect((await syncOf(lately)).state).toBe('complete');
  });
});

test.each(Array.from({ length: 20 }, (_, seed) => seed))(
  'a cut at a random place ends complete and equal (seed %i)',
  async (seed) => {
    const random = new Random(seed);
    const attempt = node.addAttempt();
    const execution = node.addExecution(attempt, [], { ...RUNNING });
    const cutAt = random.whole(0, 11);
    for (let frame = 0; frame < 12; frame++) {
      if (frame === cutAt) {
        let lost = random.whole(0, 3);
        if (lost > 0) await settled(); // frames leave in order: none is lost while an earlier one still waits
        node.drop(); // otherwise, what was just written may or may not arrive
        for (; lost > 0 && frame < 11; lost--, frame++) {
          writeToDeadSocket(execution, frame < 2 ? 0 : 10);
          if (frame === 1) execution.pushed.status = 'running';
        }
        await until(() => hive.gateway.connectionTo(nodeId) === undefined);
        await login();
      }
      if (frame === 0 || frame === 11)
        node.pushAttempt(attempt); // again every 30 s
      else if (frame === 1) node.pushExecution(attempt, execution);
      else write(attempt, execution, 10);
      if (random.chance(0.25)) await backfillIfNeeded(attempt);
    }
    await settled();
    if ((await database.execution.count({ where: { id: execution.frame.execution_id } })) > 0) {
      const stored = await linesOf(execution);
      expect(stored).toEqual(contents(execution).slice(0, stored.length)); // never with a hole
    }
    // an ask that is still out may have been answered before the end
    await askedAtLogin(database, node, nodeId, asksBefore);
    Object.assign(execution.frame, { status: 'completed', completed_at: '2026-02-01T10:20:00.123Z' });
    await connection.backfill(attempt.frame.attempt_id, 'executions', never);
    await until(async () => {
      await backfillIfNeeded(attempt);
      return (await syncOf(attempt)).state === 'complete';
    });
    expect(await linesOf(execution)).toEqual(contents(execution));
    expect(execution.rows.length).toBeGreaterThan(0);
  },
);

async function backfillIfNeeded(attempt: V1Attempt): Promise<void> {
  const sync = await database.attemptSync.findUnique({ where: { attemptId: attempt.frame.attempt_id } });
  if (sync?.needsBackfill) await full(attempt);
}

/** Asks for the attempt and lets the node send just these frames, between the attempt's and the response. */
async function answer(attempt: V1Attempt, send: (() => void)[]): Promise<void> {
  await askedAtLogin(database, node, nodeId, asksBefore);
  const { fullRequests } = node;
  node.isMute = true;
  const answered = full(attempt);
  await until(() => node.fullRequests > fullRequests);
  const where = { attemptId: attempt.frame.attempt_id };
  const { id } = await database.backfillRequest.findFirstOrThrow({ where, orderBy: { seq: 'desc' } });
  node.pushAttempt(attempt);
  for (const frame of send) frame();
  node.send('backfill_response', { request_id: id, success: true, error: null, entities_sent: 1 });
  await answered;
  node.isMute = false;
}
