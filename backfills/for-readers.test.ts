/** Against a real Temporal without workers: workflows are started but make no progress. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WorkflowNotFoundError } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import { openDatabase } from '../prisma/client.js';
import { forOrganization, type OrganizationScope } from '../prisma/organization-scope.js';
import { cancelBackfill } from '../prisma/queries/cancel-backfill.js';
import { claimBackfill, claimManualBackfill, releaseBackfillClaim } from '../prisma/queries/claim-backfill.js';
import { holdForBackfill } from '../prisma/queries/hold-backfill.js';
import { findCancelledClaim } from '../prisma/queries/pending-backfills.js';
import { settleBackfill } from '../prisma/queries/settle-backfill.js';
import { ensureOrganization } from '../prisma/queries/organization.js';
import { storeMetadata } from '../prisma/queries/store-metadata.js';
import { createTestDatabase } from '../tests/harness/database.js';
import {
  appendPage,
  makeLines,
  seedAttempt,
  seedExecution,
  seedNode,
  type SeedAttempt,
} from '../tests/harness/seed.js';
import { testServices } from '../tests/harness/services.js';
import { until } from '../tests/harness/until.js';
import { createBackfills, type Backfills } from './for-readers.js';
import { InstallationClient } from './installation.js';
import { TemporalDoor, TemporalUnavailableError, type TemporalCaller } from './temporal-door.js';
import type { Database } from '../prisma/database.js';
import type { AttemptSync } from '../protocol/frames.js';

let database: Database;
let drop: () => Promise<void>;
let connection: NativeConnection;
let temporal: InstallationClient;
let backfills: Backfills;
let scope: OrganizationScope;
let nodeId: string;
const attempts: string[] = [];

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = () => created.drop();
  database = openDatabase(created.url, 10);
  connection = await NativeConnection.connect({ address: testServices().temporalAddress });
  temporal = new InstallationClient({ connection }, { id: randomUUID(), name: 'readers' });
  const organization = await ensureOrganization(database, randomUUID());
  scope = forOrganization(database, organization.id);
  nodeId = await seedNode(database, scope.organizationId);
  backfills = backfillsThrough(temporal);
});
afterAll(async () => {
  for (const attemptId of attempts) {
    await temporal.workflow
      .getHandle(temporal.names.backfillId(attemptId))
      .terminate()
      .catch(() => undefined);
  }
  await connection.close();
  await database.$disconnect();
  await drop();
});

/** However busy Temporal is, its answer is awaited. */
const PATIENT = { request: 60_000, management: 60_000 };

/** @param client absent for a process that has not connected to Temporal yet */
function backfillsThrough(
  client?: InstallationClient,
  door = new TemporalDoor(PATIENT),
  cancelPatienceMs = 3_600_000, // so that a cancelled run is left to whatever the test does to it
): Backfills {
  if (client) door.open(client);
  const { installation } = temporal;
  const patience = { cancelPatienceMs, startPatienceMs: 200 };
  const logger = pino({ level: 'silent' });
  return createBackfills({ temporal: door, installation, database, logger, nodeTimeoutSeconds: 5, ...patience });
}

async function attempt(overrides: Partial<SeedAttempt> = {}) {
  const seed = { organizationId: scope.organizationId, nodeId, needsBackfill: true, ...overrides };
  const attemptId = await seedAttempt(database, seed);
  attempts.push(attemptId);
  return { attemptId, nodeId: seed.nodeId, organizationId: scope.organizationId };
}

/** Something happens between the claim of an attempt and the first call to Temporal after it. */
class DoorAfterClaim extends TemporalDoor {
  #hasHappened = false;

  constructor(
    readonly attemptId: string,
    readonly happens: () => Promise<unknown>,
  ) {
    super(PATIENT);
  }

  override async call<T>(caller: TemporalCaller, action: (client: InstallationClient) => Promise<T>): Promise<T> {
    const { retryAt } = await syncOf(this.attemptId); // a claim by hand clears it
    if (retryAt === null && !this.#hasHappened) {
      this.#hasHappened = true;
      await this.happens();
    }
    return super.call(caller, action);
  }
}

/** An attempt of which the hive has everything. */
async function completeAttempt() {
  const ref = await attempt({ state: 'complete', needsBackfill: false });
  await seedExecution(database, { ...ref, ordinal: 1 });
  await database.attempt.update({ where: { id: ref.attemptId }, data: { describedRevision: 1n } });
  return ref;
}

/** The node says that there is a newer revision, with an execution that the hive does not know. */
async function announceMore(attemptId: string): Promise<void> {
  const { metadata } = await database.attempt.findUniqueOrThrow({ where: { id: attemptId } });
  const newer = { ...(metadata as unknown as AttemptSync), revision: 2, execution_count: 2 };
  const session = { nodeId, organizationId: scope.organizationId, fence: 1n };
  const { attempts: stored } = await storeMetadata(database, session, { attempts: [newer], executions: [] });
  expect(stored).toHaveLength(1);
}

const later = () => new Date(Date.now() + 60_000);
const syncOf = (attemptId: string) => database.attemptSync.findUniqueOrThrow({ where: { attemptId } });
const runs = async (attemptId: string) => {
  const found = [];
  for await (const run of temporal.workflow.list({ query: `WorkflowId = '${temporal.names.backfillId(attemptId)}'` }))
    found.push(run);
  return found;
};

/** A proxy to Temporal that can stop forwarding. */
async function temporalProxy() {
  const [host, port] = testServices().temporalAddress.split(':');
  const sockets: Socket[] = [];
  let isStalled = false;
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk: Buffer) => to.write(chunk)).on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    sockets.push(near, far);
    if (isStalled) for (const socket of [near, far]) socket.pause(); // a client may connect anew
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stall: () => {
      isStalled = true;
      for (const socket of sockets) socket.pause();
    },
    resume: () => sockets.forEach((socket) => socket.resume()),
    close: () => server.close(),
  };
}

test('however many reads come, only one workflow is started', async () => {
  const { attemptId } = await attempt();
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => backfills.requestByRead(scope, attemptId)));
  // a read waits 100 ms for Temporal, which may take longer
  expect(outcomes.filter((outcome) => outcome === 'started' || outcome === 'requested')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'nothing')).toHaveLength(29);
  expect(await syncOf(attemptId)).toMatchObject({ state: 'pending_backfill', runId: null });
  await until(async () => (await runs(attemptId)).length > 0, 60_000, 'a workflow is started');
  expect(await runs(attemptId)).toHaveLength(1);
});

test('nothing is started if nothing is missing, the node is offline, or the attempt is paused or backs off', async () => {
  const offline = await seedNode(database, scope.organizationId, { online: false });
  const paused = await attempt();
  await database.attemptSync.update({ where: { attemptId: paused.attemptId }, data: { paused: true } });
  const backingOff = await attempt();
  await database.attemptSync.update({ where: { attemptId: backingOff.attemptId }, data: { retryAt: later() } });
  const cases = [
    await attempt({ needsBackfill: false }),
    await attempt({ nodeId: offline }),
    await attempt({ state: 'unavailable' }),
    paused,
    backingOff,
  ];
  for (const { attemptId } of cases) {
    expect(await backfills.requestByRead(scope, attemptId)).toBe('nothing');
  }
  const foreign = forOrganization(database, (await ensureOrganization(database, randomUUID())).id);
  expect(await backfills.requestByRead(foreign, (await attempt()).attemptId)).toBe('nothing');
});

test('without Temporal a read fails quietly and gives its claim back', async () => {
  const { attemptId } = await attempt();
  const unconnected = backfillsThrough();
  // where giving the claim back takes longer than a read waits, the next read tries again
  await until(async () => (await unconnected.requestByRead(scope, attemptId)) === 'failed');
  expect(await syncOf(attemptId)).toMatchObject({ state: 'partial', needsBackfill: true });
  await expect(unconnected.list(scope, { limit: 1 })).rejects.toThrow(TemporalUnavailableError);
});

test('a Temporal that does not answer does not hold up a read, and the claim is given back at the deadline', async () => {
  const [pending, failing] = [await attempt(), await attempt()];
  const proxy = await temporalProxy();
  const connected = await NativeConnection.connect({ address: proxy.address });
  const through = (deadlineMs: Partial<Record<TemporalCaller, number>>) =>
    backfillsThrough(
      new InstallationClient({ connection: connected }, temporal.installation),
      new TemporalDoor(deadlineMs),
    );
  proxy.stall();
  // who waited until the deadline would be told that it failed
  expect(await through({ request: 60_000 }).requestByRead(scope, pending.attemptId)).toBe('requested');
  expect(await syncOf(pending.attemptId)).toMatchObject({ state: 'pending_backfill' });
  const stalled = through({ request: 500, management: 2000 });
  expect(await stalled.requestByRead(scope, failing.attemptId)).toMatch(/requested|failed/);
  await until(async () => (await syncOf(failing.attemptId)).state === 'partial', 60_000, 'the claim is given back');
  await expect(stalled.describe(failing)).rejects.toThrow(TemporalUnavailableError);
  proxy.resume();
  await connected.close();
  proxy.close();
});

test('a person can start a backfill in any state, which ends a pause, and a second start joins it', async () => {
  const ref = await attempt({ state: 'unavailable', needsBackfill: false });
  const { attemptId } = ref;
  const executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1 });
  await database.execution.update({ where: { id: executionId }, data: { setAsideReason: 'damaged' } });
  await database.attemptSync.update({
    where: { attemptId },
    data: { paused: true, retryAt: new Date(Date.now() + 60_000), idleBackfills: 4 },
  });
  const first = await backfills.start(scope, ref, 'full_attempt');
  expect(first).toMatchObject({ workflowId: temporal.names.backfillId(attemptId), joined: false });
  expect(await syncOf(attemptId)).toMatchObject({
    state: 'pending_backfill',
    paused: false,
    retryAt: null,
    idleBackfills: 0,
    needsBackfill: true,
  });
  const execution = await database.execution.findUniqueOrThrow({ where: { id: executionId } });
  expect(execution.setAsideReason).toBeNull();
  expect(await backfills.start(scope, ref, 'logs')).toEqual({ ...first, joined: true });
});

test('a complete attempt stays complete when its backfill can’t be started', async () => {
  const ref = await completeAttempt();
  await expect(backfillsThrough().start(scope, ref, 'full_attempt')).rejects.toThrow(TemporalUnavailableError);
  expect(await syncOf(ref.attemptId)).toMatchObject({ state: 'complete', needsBackfill: false });
});

test.each([
  ['complete', completeAttempt],
  ['unavailable', () => attempt({ state: 'unavailable', needsBackfill: false })],
] as const)(
  'what is announced during a claim of what was %s counts when the claim is given back',
  async (was, seed) => {
    const ref = await seed();
    const { attemptId } = ref;
    const unavailableReason = was === 'unavailable' ? 'not_found' : null;
    await database.attemptSync.update({ where: { attemptId }, data: { unavailableReason, retryAt: later() } });
    const door = new DoorAfterClaim(attemptId, async () => {
      await announceMore(attemptId);
      throw new TemporalUnavailableError('said the test');
    });
    const start = backfillsThrough(temporal, door).start(scope, ref, 'full_attempt');
    await expect(start).rejects.toThrow('said the test');
    expect(await syncOf(attemptId)).toMatchObject({ state: 'partial', needsBackfill: true, unavailableReason: null });
  },
);

test.each([
  ['complete', 'complete', completeAttempt],
  ['partial', 'partial', () => attempt()],
  ['unavailable', 'unavailable', () => attempt({ state: 'unavailable', needsBackfill: false })],
] as const)('a claim of what was %s that is given back leaves it %s', async (was, state, seed) => {
  const { attemptId } = await seed();
  if (was === 'unavailable')
    await database.attemptSync.update({ where: { attemptId }, data: { unavailableReason: 'not_found' } });
  const claim = await claimManualBackfill(scope, attemptId);
  if (!claim) throw new Error('no such attempt');
  expect(await syncOf(attemptId)).toMatchObject({ state: 'pending_backfill' });
  await releaseBackfillClaim(database, claim);
  expect(await syncOf(attemptId)).toMatchObject({ state, needsBackfill: state === 'partial' });
});

test('what a claim put back needs a backfill when the claim is given back', async () => {
  const { attemptId } = await attempt({ needsBackfill: false });
  const executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1, declaredLines: 10 });
  await database.attempt.update({ where: { id: attemptId }, data: { describedRevision: 1n } });
  await database.execution.update({ where: { id: executionId }, data: { setAsideReason: 'damaged' } });
  const claim = await claimManualBackfill(scope, attemptId);
  if (!claim) throw new Error('no such attempt');
  await releaseBackfillClaim(database, claim);
  expect(await syncOf(attemptId)).toMatchObject({ state: 'partial', needsBackfill: true });
});

test('a cancel pauses the attempt and asks the workflow to end; if none is running, it changes nothing', async () => {
  const ref = await attempt();
  expect(await backfills.cancel(scope, ref.attemptId)).toBe(false);
  expect(await syncOf(ref.attemptId)).toMatchObject({ paused: false });
  await backfills.start(scope, ref, 'full_attempt');
  expect(await backfills.cancel(scope, ref.attemptId)).toBe(true);
  expect(await syncOf(ref.attemptId)).toMatchObject({ paused: true });
  const history = await temporal.workflow.getHandle(temporal.names.backfillId(ref.attemptId)).fetchHistory();
  expect(history.events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes)).toBe(true);
});

const statusOf = async (attemptId: string) =>
  (await temporal.workflow.getHandle(temporal.names.backfillId(attemptId)).describe()).status.name;

test('a cancelled backfill that does not end is terminated, and a claim that waited for it is released', async () => {
  const ref = await attempt();
  const hasty = backfillsThrough(temporal, undefined, 300);
  await hasty.start(scope, ref, 'full_attempt');
  expect(await hasty.cancel(scope, ref.attemptId)).toBe(true);
  await until(async () => (await statusOf(ref.attemptId)) === 'TERMINATED', 60_000, 'terminated');
  await until(async () => (await syncOf(ref.attemptId)).cancelledAt === null, 60_000, 'forgotten');
  expect(await syncOf(ref.attemptId)).toMatchObject({ paused: true });
});

test('a start after a cancel does not join the cancelled run, and the last word wins each time', async () => {
  const ref = await attempt();
  const first = await backfills.start(scope, ref, 'full_attempt');
  for (let former = first.runId, rounds = 0; rounds < 2; rounds++) {
    expect(await backfills.cancel(scope, ref.attemptId)).toBe(true);
    expect(await syncOf(ref.attemptId)).toMatchObject({ paused: true, cancelledRun: former });
    const next = await backfills.start(scope, ref, 'full_attempt');
    expect(next.joined).toBe(false);
    expect(next.runId).not.toBe(former);
    expect(await syncOf(ref.attemptId)).toMatchObject({ paused: false });
    // whatever the cancelled run's activities still do
    const late = { attemptId: ref.attemptId, runId: former };
    expect(await holdForBackfill(database, late.attemptId, former, true)).toEqual({ held: false, reason: 'cancelled' });
    await settleBackfill(database, { ...late, ending: 'cancelled', progressed: false });
    expect(await syncOf(ref.attemptId)).toMatchObject({ state: 'pending_backfill', paused: false });
    former = next.runId;
  }
  expect(await statusOf(ref.attemptId)).toBe('RUNNING');
});

test('the end of a run that was cancelled before it held the attempt does not end a claim by hand that came since', async () => {
  const { attemptId } = await attempt();
  await claimManualBackfill(scope, attemptId);
  await cancelBackfill(scope, attemptId, 'cancelled');
  const claim = await findCancelledClaim(database, attemptId);
  await claimManualBackfill(scope, attemptId);
  const ended = { attemptId, runId: 'cancelled', ending: 'cancelled', progressed: false } as const;
  await settleBackfill(database, { ...ended, claim: claim ?? '' });
  expect(await syncOf(attemptId)).toMatchObject({ state: 'pending_backfill', paused: false });
});

test('a start does not join a run that was cancelled in the Temporal UI, whose end then pauses nothing', async () => {
  const ref = await attempt();
  const { runId } = await backfills.start(scope, ref, 'full_attempt');
  await temporal.workflow.getHandle(temporal.names.backfillId(ref.attemptId)).cancel();
  const next = await backfills.start(scope, ref, 'full_attempt');
  expect(next).toMatchObject({ joined: false });
  expect(await syncOf(ref.attemptId)).toMatchObject({ paused: false, cancelledRun: runId, state: 'pending_backfill' });
});

test('a start does not join a run that a cancel has named but not told yet', async () => {
  const ref = await attempt();
  const { workflowId, runId } = await backfills.start(scope, ref, 'full_attempt');
  await cancelBackfill(scope, ref.attemptId, runId);
  const next = await backfills.start(scope, ref, 'full_attempt');
  expect(next).toMatchObject({ joined: false });
  expect(await syncOf(ref.attemptId)).toMatchObject({ paused: false, cancelledRun: runId, state: 'pending_backfill' });
  const told = temporal.workflow.getHandle(workflowId, undefined, { firstExecutionRunId: runId }).cancel();
  await expect(told).rejects.toThrow(WorkflowNotFoundError);
  expect(await statusOf(ref.attemptId)).toBe('RUNNING');
});

test.each(['still runs', 'is gone'] as const)(
  'a run that was cancelled in the Temporal UI and settles after a start by hand pauses nothing, if it then %s',
  async (then) => {
    const ref = await attempt();
    const { attemptId } = ref;
    const { workflowId, runId } = await backfills.start(scope, ref, 'full_attempt');
    await holdForBackfill(database, attemptId, runId, true);
    await temporal.workflow.getHandle(workflowId).cancel();
    await database.attemptSync.update({ where: { attemptId }, data: { retryAt: later() } });
    const door = new DoorAfterClaim(attemptId, async () => {
      await settleBackfill(database, { attemptId, runId, ending: 'cancelled', progressed: false });
      if (then === 'is gone') await temporal.workflow.getHandle(workflowId).terminate();
    });
    const next = await backfillsThrough(temporal, door).start(scope, ref, 'full_attempt');
    expect(next).toMatchObject({ joined: false });
    expect(await syncOf(attemptId)).toMatchObject({ paused: false, cancelledRun: runId });
    expect(await holdForBackfill(database, attemptId, next.runId, true)).toMatchObject({ held: true, isNew: true });
  },
);

test('a cancel before the claimed run starts keeps that run from holding the attempt', async () => {
  const ref = await attempt();
  const claim = await claimManualBackfill(scope, ref.attemptId);
  expect(await backfills.cancel(scope, ref.attemptId)).toBe(true);
  expect(await syncOf(ref.attemptId)).toMatchObject({ state: 'partial', paused: true });
  const hold = await holdForBackfill(database, ref.attemptId, randomUUID(), true);
  expect(hold).toEqual({ held: false, reason: 'cancelled' });
  expect(claim).toMatchObject({ isShared: false });
});

test.each([
  ['has claimed', undefined],
  ['held until it was terminated', 'gone'],
] as const)(
  'a cancel of a complete attempt that a start by hand %s leaves it complete, not paused',
  async (_, runId) => {
    const { attemptId } = await completeAttempt();
    await claimManualBackfill(scope, attemptId);
    if (runId !== undefined) await holdForBackfill(database, attemptId, runId, true);
    expect(await backfills.cancel(scope, attemptId)).toBe(true);
    expect(await syncOf(attemptId)).toMatchObject({
      state: 'complete',
      paused: false,
      runId: null,
      needsBackfill: false,
    });
  },
);

test('a cancel of what has just become complete says so, and leaves it free for later changes', async () => {
  const { attemptId } = await attempt();
  const executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1, declaredLines: 10 });
  const claim = await claimBackfill(scope, attemptId);
  await cancelBackfill(scope, attemptId, 'a run');
  await appendPage(database, executionId, makeLines('line', 10));
  await database.attempt.update({ where: { id: attemptId }, data: { describedRevision: 1n } });
  const settle = { attemptId, runId: 'a run', claim: claim?.claimedAt ?? '', progressed: true };
  expect(await settleBackfill(database, { ...settle, ending: 'done' })).toMatchObject({ state: 'complete' });
  expect(await syncOf(attemptId)).toMatchObject({ state: 'complete', paused: false });
  await cancelBackfill(scope, attemptId, 'a run');
  expect(await syncOf(attemptId)).toMatchObject({ state: 'complete', paused: false });
  expect(await backfills.cancel(scope, attemptId)).toBe(false);
});

test('a read of an attempt whose workflow is gone starts another one at once', async () => {
  const { attemptId } = await attempt({ state: 'pending_backfill' });
  const requestedAt = new Date(Date.now() - 60_000);
  await database.attemptSync.update({ where: { attemptId }, data: { runId: 'gone', requestedAt } });
  backfills.expedite(scope, attemptId);
  await until(async () => (await runs(attemptId)).length === 1, 60_000, 'a workflow is started');
  expect(await syncOf(attemptId)).toMatchObject({ state: 'pending_backfill', runId: null });
});

test('a read leaves a claim alone whose workflow may be about to start', async () => {
  const { attemptId } = await attempt();
  const claim = await claimBackfill(scope, attemptId);
  backfills.expedite(scope, attemptId);
  await sleep(1000);
  expect(await syncOf(attemptId)).toMatchObject({ state: 'pending_backfill' });
  expect(claim).toBeDefined();
  expect(await runs(attemptId)).toHaveLength(0);
});

test('a start by hand after the holder was terminated passes the hold on to the new run', async () => {
  const ref = await attempt({ state: 'pending_backfill' });
  await database.attemptSync.update({ where: { attemptId: ref.attemptId }, data: { runId: 'gone' } });
  const { runId } = await backfills.start(scope, ref, 'full_attempt');
  expect(await syncOf(ref.attemptId)).toMatchObject({ state: 'pending_backfill', runId });
});

test('a backfill has a day to end, with all its runs', async () => {
  const ref = await attempt();
  await backfills.start(scope, ref, 'full_attempt');
  const { raw } = await temporal.workflow.getHandle(temporal.names.backfillId(ref.attemptId)).describe();
  expect(Number(raw.executionConfig?.workflowExecutionTimeout?.seconds)).toBe(86_400);
});

test('the backfills of one organisation are listed in pages, and filtered', async () => {
  const other = await ensureOrganization(database, randomUUID());
  const otherScope = forOrganization(database, other.id);
  const otherNode = await seedNode(database, other.id);
  const ref = { nodeId: otherNode, organizationId: other.id };
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) {
    const attemptId = await seedAttempt(database, { ...ref, needsBackfill: true });
    attempts.push(attemptId);
    ids.push(attemptId);
    await backfills.start(otherScope, { ...ref, attemptId }, 'full_attempt');
  }
  await temporal.workflow.getHandle(temporal.names.backfillId(ids[0] ?? '')).terminate();
  const listAll = () => backfills.list(otherScope, { limit: 100 });
  await until(
    async () => {
      const { backfills: found } = await listAll();
      return found.length === 5 && found.some(({ status }) => status === 'terminated');
    },
    60_000,
    'all are listed',
  );
  const all = await listAll();
  expect(all.backfills.map(({ attemptId }) => attemptId).sort()).toEqual([...ids].sort());
  expect(all.backfills[0]).toMatchObject({ nodeId: otherNode, trigger: 'manual', outcome: null });

  const seen: string[] = [];
  for (let pageToken: Buffer | undefined, more = true; more;) {
    const page = await backfills.list(otherScope, { limit: 2, pageToken });
    seen.push(...page.backfills.map(({ attemptId }) => attemptId));
    pageToken = page.nextPageToken ?? undefined;
    more = pageToken !== undefined;
  }
  expect(seen.sort()).toEqual([...ids].sort());

  const running = await backfills.list(otherScope, { limit: 10, status: 'running', nodeId: otherNode });
  expect(running.backfills).toHaveLength(4);
  const one = await backfills.list(otherScope, { limit: 10, attemptId: ids[2] });
  expect(one.backfills.map(({ attemptId }) => attemptId)).toEqual([ids[2]]);
  const foreign = await backfills.list(scope, { limit: 100, nodeId: otherNode });
  expect(foreign.backfills).toEqual([]);
  await expect(backfills.list(scope, { limit: 1, nodeId: `x' OR '1'='1` })).rejects.toThrow(TypeError);
});

test('the Temporal UI shows title and node of whatever starts a backfill, as text', async () => {
  const title = `**bold**\0 [link](https://evil.example) ${'\\\\'.repeat(2000)}`;
  const summaryOf = async (attemptId: string) =>
    (await temporal.workflow.getHandle(temporal.names.backfillId(attemptId)).describe()).staticSummary();
  const read = await attempt({ metadata: { title } });
  expect(await backfills.requestByRead(scope, read.attemptId)).toMatch(/started|requested/);
  const shown = /^read: \\\*\\\*bold\\\*\\\*.* \\\[link\\\]\(https: \/\/evil\.example\) .*… on node \(attempt /;
  await until(async () => (await summaryOf(read.attemptId)) !== undefined, 60_000, 'it is started');
  expect(await summaryOf(read.attemptId)).toMatch(shown);
  const manual = await attempt({ metadata: { title: 'by hand' } });
  await backfills.start(scope, manual, 'full_attempt');
  expect(await summaryOf(manual.attemptId)).toBe(`manual: by hand on node (attempt ${manual.attemptId})`);
});

test('a backfill is described even if no worker answers, but not to another organisation', async () => {
  const ref = await attempt();
  expect(await backfills.describe(ref)).toBeUndefined();
  await backfills.start(scope, ref, 'full_attempt');
  expect(await backfills.describe(ref)).toMatchObject({ status: 'running', trigger: 'manual', nodeId, progress: null });
  expect(await backfills.describe({ ...ref, organizationId: randomUUID() })).toBeUndefined();
  await temporal.workflow.getHandle(temporal.names.backfillId(ref.attemptId)).terminate();
  const result = { linesDeclared: 0, linesStored: 0, linesPulled: null, reason: 'terminated' };
  expect(await backfills.describe(ref)).toMatchObject({ status: 'terminated', progress: null, result });
});
