import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { settleBackfill } from './settle-backfill.js';
import { computeSync, lockAttempts, recomputeAttempt } from './attempt-state.js';

let hive: TestHive;
let nodeId: string;
let attemptId: string;
let runId: string;

beforeAll(async () => {
  hive = await startTestHive();
  nodeId = await seedNode(hive.database, hive.own.id);
});
afterAll(() => hive.close());

/** An attempt that a run holds, described and with all of its ten lines. */
beforeEach(async () => {
  runId = randomUUID();
  attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId, needsBackfill: true });
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, declaredLines: 10 });
  await appendPage(hive.database, executionId, makeLines('line', 10));
  await hive.database.attempt.update({ where: { id: attemptId }, data: { describedRevision: 1n } });
  await hive.database.attemptSync.update({
    where: { attemptId },
    data: { state: 'pending_backfill', runId, requestedAt: new Date(Date.now() - 5000), lastError: 'incomplete' },
  });
});

const settle = (run = runId) =>
  settleBackfill(hive.database, { attemptId, runId: run, ending: 'done', progressed: true });
const row = () => hive.database.attemptSync.findUniqueOrThrow({ where: { attemptId } });

test('if everything is stored, the attempt is complete and no run holds it', async () => {
  const settled = await settle();
  expect(settled).toMatchObject({ state: 'complete', needsBackfill: false, revision: 1n });
  expect(settled).toMatchObject({ executions: 1, linesDeclared: 10, linesStored: 10 });
  expect(settled?.seconds).toBeGreaterThan(4.9);
  expect(await row()).toMatchObject({ state: 'complete', needsBackfill: false, runId: null, lastError: null });
  expect((await row()).lastFullSyncAt?.getTime()).toBeGreaterThan(Date.now() - 60_000);
});

test('whoever makes the attempt complete learns the time of the backfill that ends, once; settling again changes nothing', async () => {
  const first = await settle(randomUUID());
  expect(first?.state).toBe('complete');
  expect(first?.seconds).toBeGreaterThan(4.9);
  const before = await row();
  expect(await settle()).toMatchObject({ state: 'complete', seconds: null });
  expect(await row()).toEqual(before);
});

test('if lines are missing, the counts say how many, and the hold ends', async () => {
  await seedExecution(hive.database, { attemptId, nodeId, ordinal: 2, declaredLines: 7 });
  await hive.database.attempt.update({ where: { id: attemptId }, data: { executionCount: 2 } });
  expect(await settle()).toMatchObject({ state: 'partial', executions: 2, linesDeclared: 17, linesStored: 10 });
  expect(await row()).toMatchObject({ state: 'partial', needsBackfill: true, runId: null });
});

test.each(['unavailable', 'failed'] as const)(
  'what was announced since the node was asked overrules %s',
  async (ending) => {
    await hive.database.attempt.update({ where: { id: attemptId }, data: { revision: 2n, executionCount: 2 } });
    const settlement = { attemptId, runId, ending, reason: 'not_found', progressed: false, revision: '1' };
    if (ending === 'unavailable') {
      const goesOn = { ifAnnounced: true };
      expect(await settleBackfill(hive.database, { ...settlement, goesOn })).toMatchObject({ goesOn: true });
      expect(await row()).toMatchObject({ state: 'pending_backfill', runId });
    }
    await settleBackfill(hive.database, settlement);
    expect(await row()).toMatchObject({ state: 'partial', needsBackfill: true, runId: null, retryAt: null });
    expect(await row()).toMatchObject({ unavailableReason: null, idleBackfills: 0 });
  },
);

test('an ending stands if nothing was announced since the node was asked', async () => {
  await hive.database.attempt.update({ where: { id: attemptId }, data: { executionCount: 2 } });
  const goesOn = { ifAnnounced: true };
  await settleBackfill(hive.database, {
    attemptId,
    runId,
    ending: 'unavailable',
    progressed: false,
    revision: '1',
    goesOn,
  });
  expect(await row()).toMatchObject({ state: 'unavailable', needsBackfill: false, runId: null });
});

test.each([
  ['settling', settle],
  ['computing anew', () => recomputeAttempt(hive.database, attemptId)],
])('%s waits for whoever changes the attempt, and judges what is there then', async (_name, judge) => {
  let judged: ReturnType<typeof judge> | undefined;
  await hive.database.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    judged = judge();
    // it has begun, has seen the attempt as it was, and waits for the lock
    const deadline = Date.now() + 5000;
    for (let waiting = 0; waiting === 0;) {
      if (Date.now() > deadline) throw new Error('it does not wait');
      const [locks] = await hive.database.$queryRaw<{ waiting: number }[]>`
        SELECT count(*)::int AS waiting FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      waiting = locks?.waiting ?? 0;
    }
    await tx.$executeRaw`UPDATE execution SET declared_lines = 11 WHERE attempt_id = ${attemptId}::uuid`;
    await computeSync(tx, [attemptId]);
  });
  expect(await judged).toMatchObject({ revision: 1n });
  expect((await row()).state).not.toBe('complete');
  expect(await row()).toMatchObject({ needsBackfill: true });
});

test.each([
  ['computing anew', async () => [await recomputeAttempt(hive.database, attemptId)]],
  ['computing under the lock', () => hive.database.$transaction((tx) => computeSync(tx, [attemptId]))],
])('%s tells the time of the backfill that it ends, once', async (_name, judge) => {
  const [first] = await judge();
  expect(first?.state).toBe('complete');
  expect(first?.backfillSeconds).toBeGreaterThan(4.9);
  expect(await judge()).toMatchObject([{ state: 'complete', backfillSeconds: null }]);
});

test('a run that does not hold the attempt learns no time if it stays incomplete', async () => {
  await hive.database.attempt.update({ where: { id: attemptId }, data: { executionCount: 2 } });
  expect(await settle(randomUUID())).toMatchObject({ state: 'pending_backfill', seconds: null });
  expect(await row()).toMatchObject({ state: 'pending_backfill', runId });
});

test('an attempt that is gone is said to be gone', async () => {
  await hive.database.attempt.delete({ where: { id: attemptId } });
  expect(await settle()).toBeUndefined();
  expect(await recomputeAttempt(hive.database, attemptId)).toBeUndefined();
});
