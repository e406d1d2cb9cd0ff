import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo } from '@temporalio/activity';
import { type WorkflowFailedError } from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { DrainStep, DrainStepInput } from '../activities/drain-step.js';
import type { HiveActivities } from '../activities/hive-activities.js';
import type { DrainInput, DrainNode } from '../backfills/definitions.js';
import { signalDrain } from '../backfills/start.js';
import { WorkflowWorld } from '../tests/harness/workflow-world.js';

const START = { isListed: false, running: [] };
const AFTER_A = { createdAt: '2026-01-01T10:00:00Z', attemptId: 'a' };
/** The pass is over, and nothing was left to do. */
const NOTHING: DrainStep = { position: { isListed: true, running: [] }, started: 0, occupied: 0 };

/** The steps that each run of the workflow has asked for, by run id, in order. */
let runs: Map<string, DrainStepInput[]>;
/** What the steps answer, in order; the last one answers those that follow too. */
let answers: (() => DrainStep | Promise<DrainStep>)[];
beforeEach(() => {
  runs = new Map();
  answers = [() => NOTHING];
});

let world: WorkflowWorld;
beforeAll(async () => {
  world = await WorkflowWorld.create();
  const activities: Pick<HiveActivities, 'drainStep'> = {
    drainStep: async (input) => {
      const { runId } = activityInfo().workflowExecution ?? { runId: '' };
      runs.set(runId, [...(runs.get(runId) ?? []), input]);
      const answer = answers[Math.min(steps().length, answers.length) - 1];
      return (await answer?.()) ?? NOTHING;
    },
  };
  await world.work(world.queue, activities);
});
afterAll(() => world.stop());

function newDrain(): DrainInput {
  return { nodeId: randomUUID(), organizationId: randomUUID(), concurrency: 2, nodeTimeoutSeconds: 1 };
}

/** Starts a drain as the hive does, by a signal. */
async function start(drain = newDrain()) {
  await signalDrain(world.client, drain, 'schedule');
  return world.client.workflow.getHandle<DrainNode>(`drain/${drain.nodeId}`);
}

const steps = () => [...runs.values()].flat();
const positionsOf = (inputs: DrainStepInput[] = []) =>
  inputs.map(({ after, isListed, running }) => ({ isListed, running, ...(after && { after }) }));

test('a pass goes on in steps from where the one before it was, until all is listed and nothing runs', async () => {
  const [listing, listed, ending] = [
    { isListed: false, running: ['a', 'b'], after: AFTER_A },
    { isListed: true, running: ['b', 'c'], after: AFTER_A },
    { isListed: true, running: ['c'], after: AFTER_A },
  ];
  answers = [
    () => ({ position: listing, started: 2, occupied: 0 }),
    () => ({ position: listed, started: 1, occupied: 0 }),
    () => ({ position: ending, started: 0, occupied: 0 }),
    () => NOTHING,
  ];
  const drain = newDrain();
  expect(await (await start(drain)).result()).toEqual({ started: 3 });
  expect(positionsOf(steps())).toEqual([START, listing, listed, ending]);
  expect(steps()[0]).toEqual({ ...START, ...drain, trigger: 'schedule' });
});

test('the signal that starts a drain leads to one pass, not to two', async () => {
  await (await start()).result();
  expect(steps()).toHaveLength(1);
});

test('a signal between the last listing and the end leads to another pass, with its trigger', async () => {
  const drain = newDrain();
  answers = [
    async () => {
      await signalDrain(world.client, drain, 'reconnect');
      return { ...NOTHING, started: 1 };
    },
    () => ({ ...NOTHING, started: 5 }),
  ];
  expect(await (await start(drain)).result()).toEqual({ started: 6 });
  expect(positionsOf(steps())).toEqual([START, START]);
  expect(steps().map(({ trigger }) => trigger)).toEqual(['schedule', 'reconnect']);
});

test('attempts that another backfill occupied are visited once more', async () => {
  answers = [() => ({ ...NOTHING, occupied: 1 }), () => NOTHING];
  await (await start()).result();
  expect(positionsOf(steps())).toEqual([START, START]);
});

test('attempts that stay occupied are visited five more times', async () => {
  answers = [() => ({ ...NOTHING, occupied: 1 })];
  await (await start()).result();
  expect(steps()).toHaveLength(6);
});

test('a step that fails is retried from the same position', async () => {
  const listing = { isListed: false, running: ['a'], after: AFTER_A };
  answers = [
    () => ({ position: listing, started: 1, occupied: 0 }),
    () => Promise.reject(new Error('the database is away')),
    () => NOTHING,
  ];
  expect(await (await start()).result()).toEqual({ started: 1 });
  expect(positionsOf(steps())).toEqual([START, listing, listing]);
});

/** Temporal suggests continue-as-new above 4 MiB of history as it does above 4,096 events: ten of these are enough. */
const large = (step: DrainStep) => ({ ...step, padding: 'x'.repeat(500_000) });
const LISTING = { isListed: false, running: ['a'], after: AFTER_A };

test('continue-as-new keeps the position, what was started, and a signal that arrived', async () => {
  const drain = newDrain();
  const untilContinued = () => (runs.size === 1 ? large({ position: LISTING, started: 1, occupied: 0 }) : NOTHING);
  answers = [
    async () => {
      await signalDrain(world.client, drain, 'reconnect');
      return untilContinued();
    },
    untilContinued,
  ];
  const { started } = await (await start(drain)).result();
  const [before, after] = [...runs.values()];
  expect(started).toBe(before?.length);
  expect(positionsOf(after)).toEqual([LISTING, START]);
  expect(after?.map(({ trigger }) => trigger)).toEqual(['reconnect', 'reconnect']);
});

test('after continue-as-new, a pass that nobody signalled is the last one', async () => {
  answers = [() => (runs.size === 1 ? large({ position: LISTING, started: 0, occupied: 0 }) : NOTHING)];
  await (await start()).result();
  const [, after] = [...runs.values()];
  expect(positionsOf(after)).toEqual([LISTING]);
});

test('continue-as-new keeps that attempts were occupied, and they are visited once more', async () => {
  const occupied = { position: LISTING, started: 0, occupied: 1 };
  answers = [() => (runs.size === 1 ? large(occupied) : NOTHING)];
  await (await start()).result();
  const [, after] = [...runs.values()];
  expect(positionsOf(after)).toEqual([LISTING, START]);
});

test('continue-as-new keeps how often occupied attempts have been visited', async () => {
  const pass = [() => large({ position: LISTING, started: 0, occupied: 1 }), () => large({ ...NOTHING, occupied: 1 })];
  answers = Array.from({ length: 20 }, () => pass).flat();
  await (await start()).result();
  expect(runs.size).toBeGreaterThan(1);
  const passes = steps().filter(({ after, isListed }) => !after && !isListed);
  expect(passes).toHaveLength(6);
});

test('a pass of a node that is not connected ends at once, also if attempts were occupied', async () => {
  answers = [() => ({ position: LISTING, started: 1, occupied: 1 }), () => ({ ...NOTHING, isOffline: true })];
  expect(await (await start()).result()).toEqual({ started: 1 });
  expect(positionsOf(steps())).toEqual([START, LISTING]);
});

test('a node that came back while its pass ended is drained again', async () => {
  const drain = newDrain();
  answers = [
    async () => {
      await signalDrain(world.client, drain, 'reconnect');
      return { ...NOTHING, isOffline: true };
    },
    () => NOTHING,
  ];
  await (await start(drain)).result();
  expect(positionsOf(steps())).toEqual([START, START]);
});

test('a drain whose tasks fail forever ends when its time is up, and the next request starts another', async () => {
  const drain = newDrain();
  const untold = () => ({}) as DrainStep; // as from an activity of other code
  answers = [untold];
  await signalDrain(world.client, drain, 'schedule', { bounds: { workflowRunTimeout: '2 seconds' } });
  const stuck = world.client.workflow.getHandle<DrainNode>(`drain/${drain.nodeId}`);
  const failure = (await stuck.result().catch((error: unknown) => error)) as WorkflowFailedError;
  expect(failure.cause).toBeInstanceOf(TimeoutFailure);
  runs.clear();
  answers = [() => ({ ...NOTHING, started: 3 })];
  expect(await (await start(drain)).result()).toEqual({ started: 3 });
});

test('a drain that outlasts one run goes on in further runs, each of which is bounded', async () => {
  const slow = async () => {
    await sleep(150);
    return { position: LISTING, started: 1, occupied: 0 };
  };
  answers = [...Array.from({ length: 40 }, () => slow), () => NOTHING];
  const drain = newDrain();
  await signalDrain(world.client, drain, 'schedule', { bounds: { workflowRunTimeout: '6 seconds' } });
  const handle = world.client.workflow.getHandle<DrainNode>(`drain/${drain.nodeId}`);
  expect(await handle.result()).toEqual({ started: 40 });
  expect(runs.size).toBeGreaterThan(2);
  const { raw } = await handle.describe();
  expect(Number(raw.executionConfig?.workflowRunTimeout?.seconds)).toBe(6);
});

test('a drain is bounded unless its caller says otherwise', async () => {
  const { raw } = await (await start()).describe();
  const { workflowRunTimeout, workflowExecutionTimeout } = raw.executionConfig ?? {};
  expect(Number(workflowRunTimeout?.seconds)).toBeGreaterThan(60);
  expect(Number(workflowExecutionTimeout?.seconds)).toBeGreaterThan(3600);
});
