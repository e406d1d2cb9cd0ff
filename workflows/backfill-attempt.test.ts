import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo, Context } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { GatewayActivities, MirrorInput, MirrorStep } from '../activities/gateway-activities.js';
import type { HiveActivities, SettledAttempt } from '../activities/hive-activities.js';
import {
  backfillOptions,
  expediteSignal,
  progressQuery,
  searchAttributes,
  type BackfillAttempt,
  type BackfillInput,
  type NodeLocation,
} from '../backfills/definitions.js';
import type { Settlement } from '../prisma/queries/settle-backfill.js';
import { WorkflowWorld } from '../tests/harness/workflow-world.js';
import { until } from '../tests/harness/until.js';

const AT_ONE: NodeLocation = { queue: 'one', sessionId: 'session at one' };
const AT_OTHER: NodeLocation = { queue: 'other', sessionId: 'session at other' };
/** A hive that takes no steps until the test starts its worker. */
const AT_SLOW: NodeLocation = { queue: 'slow', sessionId: 'session at slow' };

/** A step after which there is more to pull. */
const PULLED: MirrorStep = { executions: 1, linesDeclared: 100, linesStored: 40, linesPulled: 40 };
const COMPLETE: MirrorStep = {
  executions: 1,
  linesDeclared: 100,
  linesStored: 100,
  linesPulled: 60,
  ended: { state: 'complete', needsBackfill: false },
};

const INCOMPLETE = { state: 'partial', needsBackfill: true } as const;

type Answer = (fakes: Fakes, input: MirrorInput) => MirrorStep | Promise<MirrorStep>;
const failing =
  (type: string): (() => never) =>
  () => {
    throw ApplicationFailure.create({ type, message: `secret of ${type}` });
  };

/**
 * What one backfill's activities answer, and what it has asked of them. Each test has its own: tests run concurrently.
 */
class Fakes {
  location: NodeLocation | undefined = AT_ONE;
  /** What the steps answer, in order; the last one answers those that follow too. */
  mirror: Answer[] = [() => COMPLETE];
  settle: (fakes: Fakes, settlement: Settlement) => Promise<SettledAttempt> = () =>
    Promise.resolve({ state: 'partial' });
  looks = 0;
  readonly steps: { queue: string; at: number; input: MirrorInput }[] = [];
  readonly settlements: Settlement[] = [];

  get queues(): string[] {
    return this.steps.map(({ queue }) => queue);
  }
}

/** By attempt id, which is also the id of the attempt's node. */
const allFakes = new Map<string, Fakes>();
function fakesOf(id: string): Fakes {
  const found = allFakes.get(id);
  if (!found) throw new Error(`no fakes for ${id}`);
  return found;
}

let world: WorkflowWorld;
const gateway: GatewayActivities = {
  mirrorAttempt: async (input) => {
    const fakes = fakesOf(input.attemptId);
    const { steps, mirror } = fakes;
    const count = steps.push({ queue: activityInfo().taskQueue, at: Date.now(), input });
    const answer = mirror[Math.min(count, mirror.length) - 1];
    if (!answer) throw new Error('no answer');
    return answer(fakes, input);
  },
};
beforeAll(async () => {
  world = await WorkflowWorld.create();
  const hive: Pick<HiveActivities, 'locateNode' | 'settleAttempt'> = {
    locateNode: (nodeId) => {
      const fakes = fakesOf(nodeId);
      fakes.looks++;
      return Promise.resolve(fakes.location);
    },
    settleAttempt: (settlement) => {
      const fakes = fakesOf(settlement.attemptId);
      fakes.settlements.push(settlement);
      return fakes.settle(fakes, settlement);
    },
  };
  await world.work(world.queue, hive);
  for (const queue of ['one', 'one-read', 'other', 'crowded-read']) await world.work(queue, gateway);
});
afterAll(() => world.stop());

async function start(given: Partial<Fakes>, options: Partial<BackfillInput> = {}) {
  const id = randomUUID();
  const fakes = Object.assign(new Fakes(), given);
  allFakes.set(id, fakes);
  const input: BackfillInput = {
    attemptId: id,
    nodeId: id,
    organizationId: randomUUID(),
    nodeTimeoutSeconds: 1,
    trigger: 'reconnect',
    type: 'full_attempt',
    ...options,
  };
  const handle = await world.client.workflow.start<BackfillAttempt>('backfillAttempt', {
    ...backfillOptions(input),
    workflowId: world.client.names.backfillId(id),
    taskQueue: world.queue,
    args: [input],
  });
  return {
    handle,
    input,
    fakes,
    failure: async () => {
      const error: unknown = await handle.result().catch((failure: unknown) => failure);
      expect(error).toBeInstanceOf(WorkflowFailedError);
      return (error as WorkflowFailedError).cause;
    },
    outcome: async () => (await handle.describe()).typedSearchAttributes.get(searchAttributes.outcome),
    status: async () => (await handle.describe()).status.name,
    phase: async () => (await handle.query(progressQuery)).phase,
  };
}

test.concurrent(
  'steps follow each other until one completes the attempt, and the result counts what they pulled',
  async () => {
    const { handle, fakes, input, outcome } = await start({ mirror: [() => PULLED, () => PULLED, () => COMPLETE] });
    const result = { outcome: 'complete', linesDeclared: 100, linesStored: 100, linesPulled: 140 };
    expect(await handle.result()).toEqual(result);
    expect(await outcome()).toBe('complete');
    expect(await handle.query(progressQuery)).toEqual({
      phase: 'ended',
      executions: 1,
      linesDeclared: 100,
      linesStored: 100,
      linesPulled: 140,
      pulls: 3,
    });
    const { attemptId, nodeId, trigger, type } = input;
    const runId = handle.firstExecutionRunId;
    const common = { attemptId, nodeId, trigger, type, runId, force: false, mayLookAgain: true };
    expect(fakes.steps.map((step) => step.input)).toEqual([
      { ...common, isFirst: true, progressed: false },
      { ...common, isFirst: false, progressed: true },
      { ...common, isFirst: false, progressed: true },
    ]);
    expect(fakes).toMatchObject({ looks: 1, settlements: [] }); // the step that completes an attempt settles it
  },
);

test.concurrent('a location that came with the request saves the look-up', async () => {
  const { handle, fakes } = await start({}, { location: AT_OTHER });
  await handle.result();
  expect(fakes).toMatchObject({ looks: 0, queues: ['other'] });
});

test.concurrent.each([
  ['incomplete', INCOMPLETE, { outcome: 'partial', reason: 'incomplete' }],
  ['running', { state: 'partial', needsBackfill: false }, { outcome: 'partial', reason: 'running_or_set_aside' }],
  [
    'gone',
    { state: 'unavailable', needsBackfill: false, reason: 'unknown_attempt' },
    { outcome: 'unavailable', reason: 'unknown_attempt' },
  ],
] as const)('a last step that leaves the attempt %s ends the backfill with that reason', async (_, ended, result) => {
  const { handle, outcome } = await start({ mirror: [() => ({ ...COMPLETE, ended })] });
  expect(await handle.result()).toMatchObject(result);
  expect(await outcome()).toBe(result.outcome);
});

test.concurrent.each([
  ['complete', { outcome: 'complete' }],
  ['nothing_missing', { outcome: 'partial', reason: 'nothing_missing' }],
  ['unavailable', { outcome: 'unavailable', reason: 'unavailable' }],
  ['cancelled', { outcome: 'partial', reason: 'cancelled' }],
  ['unknown_attempt', { outcome: 'unavailable', reason: 'unknown_attempt' }],
] as const)('an attempt that is not held (%s) ends the backfill with that reason', async (notHeld, result) => {
  const { handle, fakes } = await start({ mirror: [() => ({ ...PULLED, linesPulled: 0, notHeld })] });
  expect(await handle.result()).toEqual({ linesDeclared: 100, linesStored: 40, linesPulled: 0, ...result });
  expect(fakes.settlements).toEqual([]);
});

test.concurrent('a hive that is busy is asked again with twice the patience, and that is no failure', async () => {
  const { handle, fakes } = await start({ location: AT_SLOW }, { nodeTimeoutSeconds: 5 });
  await until(() => fakes.looks === 2, 60_000, 'looked whether the node is still there');
  await world.work('slow', gateway);
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes).toMatchObject({ looks: 2, queues: ['slow'], settlements: [] });
  const { events } = await handle.fetchHistory();
  const patience = events?.flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled ? [Number(scheduled.scheduleToStartTimeout?.seconds)] : [],
  );
  expect(patience).toEqual([10, 20]);
});

test.concurrent('a hive that takes no steps is left when the node has a new session elsewhere', async () => {
  const dead: NodeLocation = { queue: 'dead', sessionId: 'session at dead' };
  const { handle, fakes } = await start({ location: AT_OTHER }, { location: dead });
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes).toMatchObject({ queues: ['other'], settlements: [] });
});

test.concurrent(
  'a hive that dies in a step is noticed by its heartbeat, and the code says what timed out',
  async () => {
    const mirror = [() => Context.current().cancelled]; // without a heartbeat
    const { fakes, failure } = await start({ mirror });
    expect(await failure()).toMatchObject({ type: 'timeout_heartbeat' });
    expect(fakes.settlements).toMatchObject([{ ending: 'failed', reason: 'timeout_heartbeat' }]);
  },
);

test.concurrent(
  'a node that takes no more requests is asked again after a second, which is no failure and shows',
  async () => {
    const busy: MirrorStep = { ...PULLED, linesPulled: 0, isBusy: true, owesAnswers: true };
    let tellLooked = (): void => undefined;
    const looked = new Promise<void>((resolve) => (tellLooked = resolve));
    const complete = async () => {
      await aliveUntil(looked);
      return COMPLETE;
    };
    const { handle, fakes, phase } = await start({ mirror: [() => busy, () => busy, complete] });
    await until(() => fakes.steps.length >= 2, 60_000, 'it has tried again');
    expect(await phase()).toBe('waiting_for_answers');
    tellLooked();
    expect(await handle.result()).toMatchObject({ outcome: 'complete' });
    const [first, second, third] = fakes.steps.map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(950);
    expect((third ?? 0) - (second ?? 0)).toBeGreaterThan(950);
    expect(fakes).toMatchObject({ looks: 1, settlements: [] });
  },
);

test.concurrent(
  'a node that goes away and comes back on another hive is mirrored there, from where it was',
  async () => {
    const { handle, fakes, phase } = await start(
      {
        mirror: [
          () => PULLED,
          (fakes) => {
            fakes.location = undefined;
            return failing('node_disconnected')();
          },
          () => COMPLETE,
        ],
      },
      { nodeTimeoutSeconds: 20 },
    );
    await until(() => fakes.looks >= 2, 60_000, 'the node is looked for');
    expect(await phase()).toBe('waiting_for_node');
    fakes.location = AT_OTHER;
    expect(await handle.result()).toMatchObject({ outcome: 'complete', linesPulled: 100 });
    expect(fakes.queues).toEqual(['one', 'one', 'other']);
    expect(fakes.steps[2]?.input).toMatchObject({ isFirst: false, progressed: true });
    expect(fakes.settlements).toEqual([]);
  },
);

test.concurrent('a new session is tried even if the time is up', async () => {
  const { handle, fakes } = await start(
    {
      mirror: [
        (fakes) => {
          fakes.location = AT_OTHER;
          return failing('node_moved')();
        },
        () => COMPLETE,
      ],
    },
    { nodeTimeoutSeconds: 0 },
  );
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes.queues).toEqual(['one', 'other']);
});

test.concurrent('a node that stays away for nodeTimeoutSeconds settles node_offline', async () => {
  const { handle, fakes, outcome, input } = await start({ location: undefined });
  const began = Date.now();
  const result = { outcome: 'node_offline', reason: 'node_offline', linesDeclared: 0, linesStored: 0, linesPulled: 0 };
  expect(await handle.result()).toEqual(result);
  expect(Date.now() - began).toBeGreaterThan(950);
  expect(await outcome()).toBe('node_offline');
  expect(fakes.settlements).toEqual([
    {
      attemptId: input.attemptId,
      runId: handle.firstExecutionRunId,
      ending: 'node_offline',
      reason: 'node_offline',
      progressed: false,
      goesOn: { ifConnected: true },
    },
  ]);
});

test.concurrent(
  'a node that goes away during a step and stays away settles node_offline, and its lines count',
  async () => {
    const { handle, fakes } = await start({
      mirror: [
        () => PULLED,
        (fakes) => {
          fakes.location = undefined;
          return failing('node_disconnected')();
        },
      ],
    });
    expect(await handle.result()).toMatchObject({ outcome: 'node_offline', linesPulled: 40 });
    expect(fakes.settlements).toMatchObject([{ ending: 'node_offline', progressed: true }]);
  },
);

test.concurrent('an attempt that live pages have completed by the time it settles ends complete', async () => {
  const settle = () => Promise.resolve({ state: 'complete' as const });
  const { handle, outcome } = await start({ location: undefined, settle });
  const result = await handle.result();
  expect(result).toMatchObject({ outcome: 'complete' });
  expect(result).not.toHaveProperty('reason');
  expect(await outcome()).toBe('complete');
});

test.concurrent.each([
  ['attempt_not_found', 'not_found'],
  ['attempt_not_shared', 'not_shared'],
])('%s settles unavailable at once', async (type, reason) => {
  const settle = () => Promise.resolve({ state: 'unavailable' as const });
  const { handle, fakes, outcome } = await start({ mirror: [failing(type)], settle });
  expect(await handle.result()).toMatchObject({ outcome: 'unavailable', reason });
  expect(await outcome()).toBe('unavailable');
  expect(fakes.settlements).toMatchObject([{ ending: 'unavailable', reason }]);
  expect(fakes.steps).toHaveLength(1);
});

test.concurrent('what is announced before not_found settles is looked at again, but not for ever', async () => {
  const notFound = () => {
    throw ApplicationFailure.create({ type: 'attempt_not_found', details: [{ revision: '3' }] });
  };
  const settle = (_: Fakes, { goesOn }: Settlement) => Promise.resolve({ state: 'partial' as const, goesOn: !!goesOn });
  const { handle, fakes, outcome } = await start({ mirror: [notFound], settle });
  expect(await handle.result()).toMatchObject({ outcome: 'partial', reason: 'not_found' });
  expect(await outcome()).toBe('partial');
  expect(fakes.steps).toHaveLength(6);
  expect(fakes.settlements[0]).toMatchObject({ ending: 'unavailable', revision: '3', goesOn: { ifAnnounced: true } });
  expect(fakes.settlements.at(-1)).not.toHaveProperty('goesOn');
});

test.concurrent(
  'a session whose steps keep failing fails the backfill when the time is up, by a code and no message',
  async () => {
    const { handle, fakes, failure, outcome, input } = await start(
      { mirror: [failing('node_error')] },
      { nodeTimeoutSeconds: 3 }, // the longest that ends before the fifth error
    );
    expect(await failure()).toMatchObject({
      type: 'node_error',
      message: `backfill of ${input.attemptId} ended: node_error`,
    });
    expect(fakes.steps.length).toBeGreaterThan(1);
    expect(fakes.settlements).toMatchObject([{ ending: 'failed', reason: 'node_error' }]);
    expect(await outcome()).toBe('failed');
    const { events } = await handle.fetchHistory();
    const own = events?.filter(({ activityTaskFailedEventAttributes: failed }) => !failed);
    expect(JSON.stringify(events)).toContain('secret of node_error');
    expect(JSON.stringify(own)).not.toContain('secret');
  },
);

test.concurrent.each<[string, Partial<Fakes>, string]>([
  ['its node is away', { location: undefined }, 'node_offline'],
  ['its node does not have the attempt', { mirror: [failing('attempt_not_found')] }, 'unavailable'],
  ['live pages have closed the gap meanwhile', { location: undefined }, 'complete'],
])(
  'a backfill that ends before its first step is over (%s) counts what the hive has',
  async (_what, given, outcome) => {
    const state = outcome === 'complete' || outcome === 'unavailable' ? outcome : 'partial';
    const counts = { executions: 2, linesDeclared: 1_416_000, linesStored: 1_415_000 };
    const { handle } = await start({ ...given, settle: () => Promise.resolve({ state, ...counts }) });
    const { linesDeclared, linesStored } = counts;
    expect(await handle.result()).toMatchObject({ outcome, linesDeclared, linesStored, linesPulled: 0 });
    expect(await handle.query(progressQuery)).toMatchObject({ phase: 'ended', ...counts });
  },
);

test.concurrent('lines that a failing step had stored count as pulled, however the backfill ends', async () => {
  const details = [{ linesPulled: 500 }];
  const tooLarge = () => {
    throw ApplicationFailure.create({ type: 'too_large', details });
  };
  const counts = { executions: 1, linesDeclared: 1000, linesStored: 540 };
  const { handle, failure, fakes } = await start({
    mirror: [() => PULLED, tooLarge],
    settle: () => Promise.resolve({ state: 'partial', ...counts }),
  });
  await failure();
  expect(await handle.query(progressQuery)).toMatchObject({ phase: 'ended', ...counts, linesPulled: 540 });
  expect(fakes.settlements).toMatchObject([{ progressed: true }]);
});

test.concurrent(
  'a log that is too large ends the backfill at once, because each try would be a whole transfer',
  async () => {
    const { fakes, failure } = await start({ mirror: [failing('too_large')] }, { nodeTimeoutSeconds: 90 });
    expect(await failure()).toMatchObject({ type: 'too_large' });
    expect(fakes.steps).toHaveLength(1);
    expect(fakes.settlements).toMatchObject([{ ending: 'failed', reason: 'too_large' }]);
  },
);

test.concurrent(
  'a node that answers with errors five times in a row fails the backfill long before the time is up',
  async () => {
    const { fakes, failure } = await start({ mirror: [failing('node_error')] }, { nodeTimeoutSeconds: 90 });
    expect(await failure()).toMatchObject({ type: 'node_error' });
    expect(fakes.steps).toHaveLength(5);
    expect(fakes.settlements).toMatchObject([{ ending: 'failed', reason: 'node_error', progressed: false }]);
  },
);

test.concurrent('a node that twice in a row does not answer fails the backfill before the time is up', async () => {
  const { fakes, failure } = await start({ mirror: [failing('node_timeout')] }, { nodeTimeoutSeconds: 90 });
  expect(await failure()).toMatchObject({ type: 'node_timeout' });
  expect(fakes.steps).toHaveLength(2);
  expect(fakes.settlements).toMatchObject([{ ending: 'failed', reason: 'node_timeout', progressed: false }]);
});

test.concurrent('timeouts of a node that answers in between, or has a new session, do not fail it', async () => {
  const timeout = failing('node_timeout');
  const busy: MirrorStep = { ...PULLED, linesPulled: 0, isBusy: true };
  const moving = (fakes: Fakes) => {
    fakes.location = AT_OTHER;
    return timeout();
  };
  const mirror = [timeout, () => PULLED, timeout, () => busy, timeout, failing('node_busy'), moving, timeout];
  const { handle } = await start({ mirror: [...mirror, () => COMPLETE] }, { nodeTimeoutSeconds: 90 });
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
});

test.concurrent('five errors of a node with another failure between them do not fail the backfill', async () => {
  const error = failing('node_error');
  const mirror = [error, error, error, failing('node_busy'), error, error, () => COMPLETE];
  const { handle } = await start({ mirror }, { nodeTimeoutSeconds: 90 });
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
});

test.concurrent('errors of a node’s earlier session do not count', async () => {
  const error = failing('node_error');
  const moving = (fakes: Fakes) => {
    fakes.location = AT_OTHER;
    return error();
  };
  const mirror = [error, error, error, moving, error, () => COMPLETE];
  const { handle, fakes } = await start({ mirror }, { nodeTimeoutSeconds: 90 });
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes.queues).toEqual(['one', 'one', 'one', 'one', 'other', 'other']);
});

test.concurrent('a step that succeeds restarts the time for failures', async () => {
  const failed = failing('node_error');
  const pulled = async () => {
    await sleep(2500);
    return PULLED;
  };
  const mirror = [failed, pulled, failed, pulled, failed, () => COMPLETE];
  const { handle } = await start({ mirror }, { nodeTimeoutSeconds: 5 });
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
});

test.concurrent('a backfill outlives its time limit while the database is not available', async () => {
  const away = failing('database_unavailable');
  const { handle, fakes } = await start(
    { mirror: [...Array.from({ length: 5 }, () => away), () => COMPLETE] },
    { nodeTimeoutSeconds: 2 },
  );
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  const [first, last] = [fakes.steps[0], fakes.steps.at(-1)];
  expect((last?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(2000);
});

test.concurrent('a settlement that fails transiently is retried', async () => {
  const { handle, fakes } = await start({
    location: undefined,
    settle: (fakes) =>
      fakes.settlements.length === 1 ? Promise.reject(new Error('away')) : Promise.resolve({ state: 'partial' }),
  });
  expect(await handle.result()).toMatchObject({ outcome: 'node_offline' });
  expect(fakes.settlements).toMatchObject([{ ending: 'node_offline' }, { ending: 'node_offline' }]);
});

/** Keeps the step alive until then. */
async function aliveUntil(then: Promise<unknown>): Promise<void> {
  const { heartbeat } = Context.current();
  const beats = setInterval(() => heartbeat(), 50);
  await then.catch(() => undefined);
  clearInterval(beats);
}

/** Resolves when the step is told that it is cancelled. */
function cancellation(): Promise<void> {
  return aliveUntil(Context.current().cancelled);
}

test.concurrent(
  'a backfill that is cancelled during a step waits for its end, settles cancelled, and ends cancelled',
  async () => {
    let hasEnded = false;
    const { handle, fakes, failure, outcome, phase, status } = await start({
      mirror: [
        () => PULLED,
        async () => {
          await cancellation();
          await sleep(300);
          hasEnded = true;
          Context.current().cancellationSignal.throwIfAborted();
          return PULLED;
        },
      ],
      settle: () => {
        expect(hasEnded).toBe(true);
        return Promise.resolve({ state: 'partial' });
      },
    });
    await until(() => fakes.steps.length === 2, 60_000, 'the step runs');
    expect(await phase()).toBe('mirroring');
    await handle.cancel();
    expect((await failure())?.name).toBe('CancelledFailure');
    expect(fakes.settlements).toMatchObject([{ ending: 'cancelled', reason: 'cancelled', progressed: true }]);
    expect(await outcome()).toBe('cancelled');
    expect(await status()).toBe('CANCELLED');
    expect(fakes.steps).toHaveLength(2);
  },
);

test.concurrent('a backfill that is cancelled in the step that completes the attempt is complete, once', async () => {
  const mirror = [
    async () => {
      await cancellation();
      return COMPLETE;
    },
  ];
  const { handle, fakes, outcome, status } = await start({ mirror });
  await until(() => fakes.steps.length === 1, 60_000, 'the step runs');
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(await outcome()).toBe('complete');
  expect(await status()).toBe('COMPLETED');
  expect(fakes.settlements).toEqual([]); // the step has settled it
});

test.concurrent('a backfill that is cancelled during a step that leaves more to pull settles cancelled', async () => {
  const mirror = [
    async () => {
      await cancellation();
      return PULLED;
    },
  ];
  const { handle, fakes, failure } = await start({ mirror });
  await until(() => fakes.steps.length === 1, 60_000, 'the step runs');
  await handle.cancel();
  expect((await failure())?.name).toBe('CancelledFailure');
  expect(fakes.settlements).toMatchObject([{ ending: 'cancelled', progressed: true }]);
  expect(fakes.steps).toHaveLength(1);
});

test.concurrent('a backfill that is cancelled while it waits for the node settles cancelled', async () => {
  const { handle, fakes, failure, phase } = await start({ location: undefined }, { nodeTimeoutSeconds: 60 });
  await until(async () => (await phase()) === 'waiting_for_node', 60_000, 'it waits');
  await handle.cancel();
  expect((await failure())?.name).toBe('CancelledFailure');
  expect(fakes.settlements).toMatchObject([{ ending: 'cancelled' }]);
});

test.concurrent('a backfill whose step fails while it is cancelled settles cancelled', async () => {
  const mirror = [
    async () => {
      await cancellation();
      return failing('node_disconnected')();
    },
  ];
  const { handle, fakes, failure, status } = await start({ mirror });
  await until(() => fakes.steps.length === 1, 60_000, 'the step runs');
  await handle.cancel();
  expect((await failure())?.name).toBe('CancelledFailure');
  expect(await status()).toBe('CANCELLED');
  expect(fakes.settlements).toMatchObject([{ ending: 'cancelled' }]);
});

test.concurrent.each([
  ['node_offline', { location: undefined }],
  ['failed', { mirror: [failing('node_error')] }],
] as const)(
  'a backfill that is cancelled while it settles %s ends that first, then settles cancelled and ends cancelled',
  async (ending, given) => {
    const ended: string[] = [];
    let tellCancelled = (): void => undefined;
    const cancelled = new Promise<void>((resolve) => (tellCancelled = resolve));
    const { handle, fakes, failure, outcome, phase, status } = await start({
      ...('mirror' in given ? { mirror: [...given.mirror] } : given),
      settle: async (_, settlement) => {
        await cancelled;
        ended.push(settlement.ending);
        return { state: 'partial' };
      },
    });
    await until(() => fakes.settlements.length === 1, 60_000, 'it settles');
    expect(await phase()).toBe('settling');
    await handle.cancel();
    tellCancelled();
    expect((await failure())?.name).toBe('CancelledFailure');
    expect(fakes.settlements).toMatchObject([{ ending }, { ending: 'cancelled' }]);
    expect(ended).toEqual([ending, 'cancelled']);
    expect(await outcome()).toBe('cancelled');
    expect(await status()).toBe('CANCELLED');
  },
);

test.concurrent('a node that comes back while its backfill settles node_offline is mirrored after all', async () => {
  const { handle, fakes } = await start({
    location: undefined,
    settle: (fakes) => {
      fakes.location = AT_ONE;
      return Promise.resolve({ state: 'partial', goesOn: true });
    },
  });
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes).toMatchObject({ queues: ['one'], settlements: [{ ending: 'node_offline' }] });
});

test.concurrent('a backfill looks again at an attempt that changed meanwhile, but not for ever', async () => {
  const { handle, fakes } = await start({
    mirror: [(_, input) => (input.mayLookAgain ? { ...PULLED, looksAgain: true } : { ...COMPLETE, ended: INCOMPLETE })],
  });
  expect(await handle.result()).toMatchObject({ outcome: 'partial', reason: 'incomplete' });
  expect(fakes.steps.map(({ input }) => input.mayLookAgain)).toEqual([true, true, true, true, true, false]);
});

test.concurrent('one who joins a backfill whose last look is over gets another one', async () => {
  const { handle, fakes } = await start({
    mirror: [
      async (_, input) => {
        await world.client.workflow
          .getHandle(world.client.names.backfillId(input.attemptId))
          .signal(expediteSignal, { joins: true });
        return { ...COMPLETE, ended: INCOMPLETE };
      },
      () => COMPLETE,
    ],
  });
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes.queues).toEqual(['one', 'one-read']);
});

test.concurrent('the claim that a backfill was started for is named in each step and in its end', async () => {
  const claim = '2026-11-26 10:00:00.123456+00';
  const { handle, fakes } = await start(
    {
      mirror: [
        (fakes) => {
          fakes.location = undefined;
          return failing('node_disconnected')();
        },
      ],
    },
    { claim },
  );
  await handle.result();
  expect(fakes.steps).toMatchObject([{ input: { claim } }]);
  expect(fakes.settlements).toMatchObject([{ ending: 'node_offline', claim }]);
});

test.concurrent(
  'a settlement after a cancellation is not cut short, and is retried if it fails transiently',
  async () => {
    let tellCancelledAgain = (): void => undefined;
    const cancelledAgain = new Promise<void>((resolve) => (tellCancelledAgain = resolve));
    const { handle, fakes, failure, outcome } = await start(
      {
        location: undefined,
        settle: async (fakes) => {
          await cancelledAgain;
          if (fakes.settlements.length === 1) throw new Error('away');
          return { state: 'partial' };
        },
      },
      { nodeTimeoutSeconds: 60 },
    );
    await handle.cancel();
    await until(() => fakes.settlements.length === 1, 60_000, 'it settles');
    await handle.cancel();
    tellCancelledAgain();
    expect((await failure())?.name).toBe('CancelledFailure');
    expect(fakes.settlements).toMatchObject([{ ending: 'cancelled' }, { ending: 'cancelled' }]);
    expect(await outcome()).toBe('cancelled');
  },
);

test.concurrent.each(['read', 'manual'] as const)(
  'a backfill triggered by %s runs ahead of others from its first step',
  async (trigger) => {
    const { handle, fakes } = await start({ mirror: [() => PULLED, () => COMPLETE] }, { trigger });
    await handle.result();
    expect(fakes.queues).toEqual(['one-read', 'one-read']);
    expect(fakes.steps.map(({ input }) => input.force)).toEqual(trigger === 'manual' ? [true, false] : [false, false]);
  },
);

const expedite = ({ attemptId }: Pick<MirrorInput, 'attemptId'>) =>
  world.client.workflow.getHandle(world.client.names.backfillId(attemptId)).signal(expediteSignal);

test.concurrent('a reader who comes later moves the rest of the backfill ahead of others', async () => {
  const { handle, fakes } = await start({
    mirror: [
      () => PULLED,
      async (_, input) => {
        await expedite(input);
        return PULLED;
      },
      () => COMPLETE,
    ],
  });
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes.queues).toEqual(['one', 'one', 'one-read']);
});

test.concurrent('a reader who joins a backfill that waits behind others moves its step ahead of them', async () => {
  const crowded: NodeLocation = { queue: 'crowded', sessionId: 'session at crowded' }; // only its readers' queue is served
  const { handle, fakes, input } = await start({ location: crowded }, { location: crowded });
  const isScheduled = async () => JSON.stringify((await handle.fetchHistory()).events).includes('mirrorAttempt');
  await until(isScheduled, 60_000, 'the step waits');
  await expedite(input);
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes).toMatchObject({ queues: ['crowded-read'], settlements: [] });
  const { events } = await handle.fetchHistory();
  // it was not left until the time after which a waiting step is asked for again
  expect(events?.filter(({ activityTaskCanceledEventAttributes: taken }) => taken)).toHaveLength(1);
  const priorities = events?.flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled ? [scheduled.priority?.priorityKey ?? 0] : [],
  );
  expect(priorities?.at(-1)).toBe(1);
});

test.concurrent('a step that runs when a reader joins ends early, and what it stored counts', async () => {
  const { handle, fakes } = await start({
    mirror: [
      async (_, input) => {
        await expedite(input);
        await cancellation();
        return PULLED;
      },
      () => COMPLETE,
    ],
  });
  expect(await handle.result()).toMatchObject({ outcome: 'complete', linesPulled: 100 });
  expect(fakes).toMatchObject({ queues: ['one', 'one-read'], settlements: [] });
});

test.concurrent('a reader who joins while the node is away is served first when it is back', async () => {
  const { handle, fakes, input, phase } = await start({ location: undefined }, { nodeTimeoutSeconds: 20 });
  await until(async () => (await phase()) === 'waiting_for_node', 60_000, 'it waits');
  await expedite(input);
  fakes.location = AT_ONE;
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  expect(fakes.queues).toEqual(['one-read']);
});

test.concurrent('steps that store nothing are no progress: the backfill fails when its time is up', async () => {
  const idle = async (): Promise<MirrorStep> => {
    await sleep(300);
    return { ...PULLED, linesPulled: 0, isIdle: true };
  };
  const { fakes, failure } = await start({ mirror: [idle] }, { nodeTimeoutSeconds: 1 });
  expect(await failure()).toMatchObject({ type: 'no_progress' });
  expect(fakes.steps.length).toBeLessThan(12);
  expect(fakes.settlements).toMatchObject([{ ending: 'failed', reason: 'no_progress' }]);
});

test.concurrent('each step is told where the one before it ended', async () => {
  const position = { isLookingAgain: true, after: 7, hasStored: false, idlePasses: 1 };
  const mirror = [() => ({ ...PULLED, position }), failing('node_disconnected'), () => COMPLETE];
  const { handle, fakes } = await start({ mirror }, { nodeTimeoutSeconds: 20 });
  await handle.result();
  expect(fakes.steps.map(({ input }) => input.position)).toEqual([undefined, position, position]);
});

/** Temporal suggests continue-as-new above 4 MiB of history as it does above 4,096 events: ten of these are enough. */
const large = (step: MirrorStep) => ({ ...step, padding: 'x'.repeat(500_000) });

test.concurrent(
  'continue-as-new keeps the counts, the location, the position, and the hold of the first run',
  async () => {
    const position = { isLookingAgain: false, after: 3, hasStored: true, idlePasses: 0 };
    const runs = new Set<string>();
    const { handle, fakes } = await start(
      {
        mirror: [
          () => {
            runs.add(activityInfo().workflowExecution?.runId ?? '');
            return runs.size === 1 ? large({ ...PULLED, position }) : COMPLETE;
          },
        ],
      },
      { trigger: 'manual' },
    );
    const { linesPulled } = await handle.result();
    const before = fakes.steps.length - 1;
    expect(runs.size).toBe(2);
    expect(linesPulled).toBe(before * 40 + 60);
    expect(await handle.query(progressQuery)).toMatchObject({ pulls: before + 1, linesPulled });
    expect(fakes.steps.at(-1)).toMatchObject({
      queue: 'one-read',
      input: { isFirst: false, force: false, progressed: true, runId: handle.firstExecutionRunId, position },
    });
    expect(fakes.looks).toBe(1);
  },
);

test.concurrent('continue-as-new keeps that a reader waits', async () => {
  const runs = new Set<string>();
  const { handle, fakes } = await start({
    mirror: [
      async (fakes, input) => {
        runs.add(activityInfo().workflowExecution?.runId ?? '');
        if (fakes.steps.length === 1) await expedite(input);
        return runs.size === 1 ? large(PULLED) : COMPLETE;
      },
    ],
  });
  await handle.result();
  expect(fakes.queues.at(-2)).toBe('one-read');
  expect(fakes.queues.at(-1)).toBe('one-read');
});

test.concurrent('a backfill that can do nothing for long continues as new, too', async () => {
  const runs = new Set<string>();
  const { handle, fakes } = await start(
    {
      mirror: [
        (fakes) => {
          runs.add(activityInfo().workflowExecution?.runId ?? '');
          if (runs.size === 2) return COMPLETE;
          // eight are just too few
          if (fakes.steps.length <= 8) return large(PULLED);
          throw ApplicationFailure.create({ type: 'database_unavailable', details: ['x'.repeat(150_000)] });
        },
      ],
    },
    { nodeTimeoutSeconds: 60 },
  );
  expect(await handle.result()).toMatchObject({ outcome: 'complete', linesPulled: 8 * 40 + 60 });
  expect(runs.size).toBe(2);
  expect(fakes.steps.length).toBeGreaterThan(9);
});
