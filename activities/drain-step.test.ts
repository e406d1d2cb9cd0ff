/** One step of a drain, against a real database and a Temporal without workers: what is started stays running. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ServiceError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { NativeConnection } from '@temporalio/worker';
import { InstallationClient } from '../backfills/installation.js';
import { TemporalDoor } from '../backfills/temporal-door.js';
import { ensureOrganization } from '../prisma/queries/organization.js';
import { seedAttempt, seedNode } from '../tests/harness/seed.js';
import { until } from '../tests/harness/until.js';
import { World } from '../tests/harness/world.js';
import { ensureSearchAttributes } from '../workers/temporal/search-attributes.js';
import { drainStep, type DrainStep, type DrainStepInput } from './drain-step.js';

let world: World;
let client: InstallationClient;
let organizationId: string;
beforeAll(async () => {
  world = await World.create();
  await ensureSearchAttributes(world.temporal, world.namespace);
  const connection = await NativeConnection.connect({ address: world.temporalAddress });
  client = new InstallationClient({ connection, namespace: world.namespace }, world.temporal.installation);
  organizationId = (await ensureOrganization(world.database, 'default')).id;
});
afterAll(async () => {
  await client.connection.close();
  await world.stop();
});

/** Lets the first waits for a backfill's end fail, as Temporal does if there are too many of them. */
class RefusingDoor extends TemporalDoor {
  refusals = 0;
  /** The calls that have been answered. */
  answers = 0;

  override async call<T>(...call: Parameters<typeof TemporalDoor.prototype.call<T>>): Promise<T> {
    const answer = await super.call<T>(...call);
    this.answers++;
    return answer;
  }

  override follow<T>(signal: AbortSignal, action: (client: InstallationClient) => Promise<T>): Promise<T> {
    if (this.refusals === 0) return super.follow(signal, action);
    this.refusals--;
    return Promise.reject(new ServiceError('namespace concurrent poll limit exceeded'));
  }
}

/** A busy Temporal is not what is tested. */
const PATIENT = { activity: 60_000 };

async function nodeWith(attempts: number, { online = true } = {}): Promise<DrainStepInput> {
  const nodeId = await seedNode(world.database, organizationId, { online });
  for (let count = 0; count < attempts; count++) {
    await seedAttempt(world.database, { organizationId, nodeId, needsBackfill: true });
  }
  const pass = { isListed: false, running: [] };
  return { ...pass, nodeId, organizationId, nodeTimeoutSeconds: 90, concurrency: 2, trigger: 'schedule' };
}

async function addAttempts(nodeId: string, count: number): Promise<void> {
  await world.database.$executeRaw`
    WITH added AS (
      INSERT INTO attempt (id, organization_id, node_id, revision, execution_count, executor, created_at, metadata)
      SELECT gen_random_uuid(), ${organizationId}::uuid, ${nodeId}::uuid, 1, 1, 'SHELL', now(), '{}'
      FROM generate_series(1, ${count}) RETURNING id, node_id, created_at
    )
    INSERT INTO attempt_sync (attempt_id, node_id, needs_backfill, attempt_created_at)
    SELECT id, node_id, true, created_at FROM added`;
}

/** Runs a step, which ends early when `stopping` is aborted. */
function step(
  input: DrainStepInput,
  door = new RefusingDoor(PATIENT),
  stopping = new AbortController(),
): Promise<DrainStep> {
  door.open(client);
  const deps = { database: world.database, temporal: door, stopping: stopping.signal, stepMs: 60_000 };
  return new MockActivityEnvironment().run(drainStep.bind(undefined, deps), input);
}

const backfill = (attemptId: string) => world.temporal.workflow.getHandle(world.temporal.names.backfillId(attemptId));

/** @returns the ids of the node's attempts that have running backfills */
async function runningBackfills(nodeId: string): Promise<string[]> {
  const attempts = await world.database.attemptSync.findMany({ where: { nodeId } });
  const isRunning = attempts.map(({ attemptId }) =>
    backfill(attemptId)
      .describe()
      .then(
        ({ status }) => status.name === 'RUNNING',
        () => false,
      ),
  );
  const found = await Promise.all(isRunning);
  return attempts.map(({ attemptId }) => attemptId).filter((_, index) => found[index]);
}

test('an offline node with 100,000 attempts takes a slot for one look, not for a whole step, and nothing is started', async () => {
  const drain = await nodeWith(0, { online: false });
  await addAttempts(drain.nodeId, 100_000);
  const since = performance.now();
  const { position, started, isOffline } = await step(drain);
  expect({ position, started, isOffline }).toEqual({
    position: { isListed: true, running: [] },
    started: 0,
    isOffline: true,
  });
  expect(performance.now() - since).toBeLessThan(5000); // as long as a step may take
});

test('a node that disconnects during a pass frees the places of its backfills at the next step', async () => {
  const drain = await nodeWith(5);
  const stopping = new AbortController();
  const first = step(drain, undefined, stopping);
  await until(async () => (await runningBackfills(drain.nodeId)).length === 2, 60_000, 'the places are taken');
  stopping.abort();
  const { position } = await first;
  expect(position).toMatchObject({ isListed: false, running: [expect.any(String), expect.any(String)] });
  await world.database.nodeLease.deleteMany({ where: { nodeId: drain.nodeId } });
  const since = performance.now();
  expect(await step({ ...drain, ...position })).toMatchObject({
    position: { isListed: true, running: [] },
    started: 0,
    isOffline: true,
  });
  expect(performance.now() - since).toBeLessThan(5000); // as long as a step may take
  expect((await runningBackfills(drain.nodeId)).sort()).toEqual(position.running.sort()); // they wait for the node without the drain
});

test('a refusal to tell a backfill’s end frees no place, and the end is seen once Temporal tells it', async () => {
  const drain = await nodeWith(5);
  const door = new RefusingDoor(PATIENT);
  door.refusals = 6;
  const stopping = new AbortController();
  const running = step(drain, door, stopping);
  const { nodeId } = drain;
  await until(() => door.refusals === 0 && door.answers === 2, 60_000, 'every refusal was met');
  const [one = '', other] = await runningBackfills(nodeId);
  expect(await runningBackfills(nodeId)).toEqual([one, other]);
  await backfill(one).terminate('as an operator does');
  await until(() => door.answers === 3, 60_000, 'its place is taken');
  expect(await runningBackfills(nodeId)).toHaveLength(2);
  stopping.abort();
  const { position, started } = await running;
  expect({ started, running: position.running.length }).toEqual({ started: 3, running: 2 });
  expect(position.running).not.toContain(one);
});

test('an attempt whose backfill has ended and is forgotten takes no place', async () => {
  const drain = await nodeWith(1);
  const { position, occupied } = await step({ ...drain, isListed: true, running: [randomUUID()] });
  expect({ position, occupied }).toEqual({ position: { isListed: true, running: [] }, occupied: 0 });
});
