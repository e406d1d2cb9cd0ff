/** What reconcile does to each attempt and node, against a real database and a Temporal without workers. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ServiceError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import type { InstallationClient } from '../backfills/installation.js';
import { TemporalDoor, type TemporalCaller } from '../backfills/temporal-door.js';
import { deleteAttempt } from '../prisma/queries/delete-attempt.js';
import { ensureOrganization } from '../prisma/queries/organization.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../tests/harness/seed.js';
import { World } from '../tests/harness/world.js';
import { ensureSearchAttributes } from '../workers/temporal/search-attributes.js';
import { createHiveActivities } from './hive-activities.js';

let world: World;
let organizationId: string;
beforeAll(async () => {
  world = await World.create();
  await ensureSearchAttributes(world.temporal, world.namespace);
  organizationId = (await ensureOrganization(world.database, 'default')).id;
});
afterAll(() => world.stop());

/** Fails the first call, as Temporal does when a drain has had too many signals. */
class RefusingOnce extends TemporalDoor {
  #hasRefused = false;

  override call<T>(caller: TemporalCaller, action: (client: InstallationClient) => Promise<T>): Promise<T> {
    if (this.#hasRefused) return super.call(caller, action);
    this.#hasRefused = true;
    return Promise.reject(new ServiceError('exceeded workflow execution limit for signal events'));
  }
}

/** A busy Temporal is not what is tested. */
const PATIENT = { activity: 60_000 };

function newActivities(temporal = new TemporalDoor(PATIENT)) {
  temporal.open(world.temporal);
  const { database } = world;
  const limits = { backfillConcurrency: 10, nodeTimeoutSeconds: 90, backfillTimeoutMinutes: 5 };
  const logger = pino({ level: 'silent' });
  return createHiveActivities({ database, temporal, stopping: new AbortController().signal, logger, ...limits });
}

/** Makes an attempt that a run has held for an hour. */
async function seedHeld(runId: string): Promise<string> {
  const nodeId = await seedNode(world.database, organizationId);
  const attemptId = await seedAttempt(world.database, { organizationId, nodeId, needsBackfill: true });
  const requestedAt = new Date(Date.now() - 3_600_000);
  await world.database.attemptSync.update({
    where: { attemptId },
    data: { state: 'pending_backfill', runId, requestedAt },
  });
  return attemptId;
}

test('an attempt whose backfill can’t be described keeps no other from being freed', async () => {
  const gone = await Promise.all(Array.from({ length: 12 }, () => seedHeld(randomUUID())));
  const broken = await seedHeld(randomUUID());
  await world.temporal.workflowService.startWorkflowExecution({
    namespace: world.namespace,
    requestId: randomUUID(),
    workflowId: world.temporal.names.backfillId(broken),
    workflowType: { name: 'backfillAttempt' },
    taskQueue: { name: world.temporal.names.queue },
    memo: { fields: { note: { metadata: { encoding: Buffer.from('binary/unknown') }, data: Buffer.from('x') } } },
  });
  const activities = newActivities();
  const swept = await new MockActivityEnvironment().run(() => activities.resetStaleBackfills(undefined));
  expect(swept).toEqual({ changed: 12, failed: 1 });
  const rows = await world.database.attemptSync.findMany({ where: { attemptId: { in: [...gone, broken] } } });
  for (const { attemptId, state } of rows) {
    expect({ attemptId, state }).toEqual({ attemptId, state: attemptId === broken ? 'pending_backfill' : 'partial' });
  }
});

test('a node whose drain can’t be requested keeps no other from its drain, and has its next turn after them', async () => {
  await world.database.node.deleteMany();
  const nodeIds = await Promise.all(Array.from({ length: 10 }, () => seedNode(world.database, organizationId)));
  for (const nodeId of nodeIds) await seedAttempt(world.database, { organizationId, nodeId, needsBackfill: true });
  const activities = newActivities(new RefusingOnce(PATIENT));
  const swept = await new MockActivityEnvironment().run(() => activities.drainConnectedNodes());
  expect(swept).toEqual({ changed: 9, failed: 1 });
  const found = await Promise.allSettled(
    nodeIds.map((nodeId) => world.temporal.workflow.getHandle(world.temporal.names.drainId(nodeId)).describe()),
  );
  expect(found.filter(({ status }) => status === 'fulfilled')).toHaveLength(9);
  const turns = await world.database.node.findMany({ select: { drainTurnAt: true } });
  expect(turns.every(({ drainTurnAt }) => drainTurnAt !== null)).toBe(true);
});

test('what a hive that died had still to remove of a deleted attempt goes in the next round', async () => {
  const nodeId = await seedNode(world.database, organizationId);
  const attemptId = await seedAttempt(world.database, { organizationId, nodeId });
  const executionId = await seedExecution(world.database, { attemptId, nodeId, ordinal: 1, declaredLines: 3 });
  await appendPage(world.database, executionId, makeLines('secret', 3));
  await deleteAttempt(world.database, { organizationId }, attemptId, null);
  expect(await world.database.logPage.count({ where: { executionId } })).toBe(1);
  await new MockActivityEnvironment().run(() => newActivities().compactLogs());
  expect(await world.database.execution.count({ where: { id: executionId } })).toBe(0);
});
