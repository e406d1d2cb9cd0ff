/**
 * However a backfill ends, its attempt is complete, or held by a person's word, or found by a trigger: a table of
 * endings by what the attempt was before, each with the real workflow, activities, gateway, database and Temporal. The
 * node is scripted.
 */
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { register } from 'prom-client';
import { createGatewayActivities } from '../activities/gateway-activities.js';
import { createHiveActivities, type HiveActivities } from '../activities/hive-activities.js';
import type { BackfillInput } from '../backfills/definitions.js';
import type { InstallationClient } from '../backfills/installation.js';
import { findRunning } from '../backfills/find.js';
import { createBackfills, type Backfills } from '../backfills/for-readers.js';
import { countRequest } from '../backfills/metrics.js';
import { startUnlessRunning } from '../backfills/start.js';
import { TemporalDoor } from '../backfills/temporal-door.js';
import { forOrganization, type OrganizationScope } from '../prisma/organization-scope.js';
import { lockAttempts } from '../prisma/queries/attempt-state.js';
import { claimBackfill } from '../prisma/queries/claim-backfill.js';
import { findLease } from '../prisma/queries/lease.js';
import { listNodesToDrain } from '../prisma/queries/list-needing-backfill.js';
import { checkPage } from '../protocol/page.js';
import { MoodyNode, type Mood } from './harness/moody-node.js';
import { startTestGateway, type TestGateway } from './harness/test-gateway.js';
import { until } from './harness/until.js';
import { WorkflowWorld } from './harness/workflow-world.js';

/** Longer than any hiccup of a busy machine, which must not end what is to end otherwise. */
const NODE_TIMEOUT_SECONDS = 120;
/** For what is to end because the node stays away, or fails. */
const SHORT_TIMEOUT_SECONDS = 1;
/** Temporal waits longer before each try of a workflow task that fails; five take about a minute. */
const STUCK_TRIES = 2;
/** Longer than a claim is ever without its run, because each round looks at the attempts of all tests. */
const STALE_MS = 600_000;

let world: WorkflowWorld;
let client: InstallationClient;
let hive: TestGateway;
let scope: OrganizationScope;
let backfills: Backfills;
/** These hardly wait for a node. */
let hastyBackfills: Backfills;
let activities: HiveActivities;
const logged: string[] = [];

beforeAll(async () => {
  world = await WorkflowWorld.create();
  client = world.nativeClient;
  hive = await startTestGateway();
  const { database, gateway } = hive;
  scope = forOrganization(database, hive.organizationId);
  const temporal = new TemporalDoor();
  temporal.open(client);
  const logger = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
  const options = { temporal, installation: client.installation, database, logger, stuckTries: STUCK_TRIES };
  backfills = createBackfills({ ...options, nodeTimeoutSeconds: NODE_TIMEOUT_SECONDS });
  hastyBackfills = createBackfills({ ...options, nodeTimeoutSeconds: SHORT_TIMEOUT_SECONDS });
  activities = createHiveActivities({
    database,
    temporal,
    logger,
    stopping: new AbortController().signal,
    backfillConcurrency: 10,
    nodeTimeoutSeconds: NODE_TIMEOUT_SECONDS,
    backfillTimeoutMinutes: STALE_MS / 60_000,
    stuckTries: STUCK_TRIES,
  });
  await world.work(client.names.queue, activities);
  const onSockets = createGatewayActivities({ database, gateway, checkPage, logger });
  for (const queue of [gateway.queue, `${gateway.queue}-read`]) await world.work(queue, onSockets);
});
afterAll(async () => {
  await world.stop();
  await hive.stop();
});

/** One attempt of one node, and what is done with it. */
class Cell {
  #since = new Date(0);

  /** Whether its backfills hardly wait for the node. */
  isHasty = false;

  private constructor(readonly node: MoodyNode) {}

  static async create(): Promise<Cell> {
    const { secret } = await hive.newKey();
    const node = new MoodyNode(hive.url, secret);
    await node.connect();
    return new Cell(node);
  }

  get id(): string {
    return this.node.attemptId;
  }

  get #backfills(): Backfills {
    return this.isHasty ? hastyBackfills : backfills;
  }

  get handle() {
    return client.workflow.getHandle(client.names.backfillId(this.id));
  }

  sync() {
    return hive.database.attemptSync.findUniqueOrThrow({ where: { attemptId: this.id } });
  }

  async input(): Promise<BackfillInput> {
    const { nodeId } = await this.sync();
    const ref = { attemptId: this.id, nodeId, organizationId: hive.organizationId };
    const nodeTimeoutSeconds = this.isHasty ? SHORT_TIMEOUT_SECONDS : NODE_TIMEOUT_SECONDS;
    return { ...ref, trigger: 'reconnect', type: 'full_attempt', nodeTimeoutSeconds };
  }

  in(mood: Mood): this {
    this.node.mood = mood;
    return this;
  }

  async startByRead(): Promise<void> {
    this.#since = (await this.handle.describe().catch(() => undefined))?.startTime ?? this.#since;
    expect(await this.#backfills.requestByRead(scope, this.id)).toMatch(/started|requested|failed/);
    await until(
      async () => {
        if (await this.#isStarted()) return true;
        // a busy Temporal may miss a read's deadline, which gives the claim back: the next read starts it
        if ((await this.sync()).state !== 'pending_backfill') await this.#backfills.requestByRead(scope, this.id);
        return false;
      },
      60_000,
      'it is started',
    );
  }

  async startByHand(): Promise<void> {
    expect((await this.#backfills.start(scope, await this.input(), 'full_attempt')).joined).toBe(false);
  }

  async startAsDrain(): Promise<void> {
    await startUnlessRunning(client, await this.input());
  }

  /** Claims it as a read does, before a workflow is started. */
  async claim(): Promise<string> {
    const claim = await claimBackfill(scope, this.id);
    if (!claim) throw new Error('there is nothing to claim');
    countRequest('read');
    return claim.claimedAt;
  }

  /** The part of the schedule's round that looks for backfills that have died, when the attempt is due for it. */
  async round(): Promise<void> {
    const where = { attemptId: this.id, requestedAt: { not: null } };
    await hive.database.attemptSync.updateMany({
      where,
      data: { requestedAt: new Date(Date.now() - STALE_MS - 1000) },
    });
    await new MockActivityEnvironment().run(() => activities.resetStaleBackfills(undefined));
  }

  cancel(): Promise<boolean> {
    return this.#backfills.cancel(scope, this.id);
  }

  async #isStarted(): Promise<boolean> {
    const run = await this.handle.describe().catch((error: unknown) => {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
    return run !== undefined && run.startTime > this.#since;
  }

  async isConnected(): Promise<boolean> {
    const { nodeId } = await this.sync();
    return (await findLease(hive.database, nodeId)) !== undefined;
  }

  async untilEnded(): Promise<void> {
    await until(async () => (await findRunning(client, this.id)) === undefined, 60_000, 'it has ended');
  }

  /** @param what the requests that the node gets from now on, one of which is waited for */
  async untilAsked(what: 'describe' | 'read'): Promise<void> {
    await until(() => this.node.asked[what] > 0, 60_000, `the node is asked to ${what}`);
  }

  async untilState(state: string): Promise<void> {
    await until(async () => (await this.sync()).state === state, 60_000, `the attempt is ${state}`);
  }

  /** Brings it into a state by a backfill, before the one that counts. */
  async bring(mood: Mood, state: string): Promise<void> {
    const { isHasty } = this;
    this.isHasty = false;
    await this.in(mood).startByRead();
    await this.untilState(state);
    await this.untilEnded();
    this.isHasty = isHasty;
    Object.assign(this.node.asked, { describe: 0, read: 0 });
  }
}

/** What the attempt was, and who started its backfill. */
const BEGINNINGS: Record<string, (cell: Cell, mood: Mood) => Promise<void>> = {
  'partial, claimed by a read': (cell, mood) => cell.in(mood).startByRead(),
  'partial, claimed by a person': (cell, mood) => cell.in(mood).startByHand(),
  'partial, started by a drain': (cell, mood) => cell.in(mood).startAsDrain(),
  'complete, claimed by a person': async (cell, mood) => {
    await cell.bring('serves', 'complete');
    await cell.in(mood).startByHand();
  },
  'unavailable, claimed by a person': async (cell, mood) => {
    await cell.bring('not_found', 'unavailable');
    await cell.in(mood).startByHand();
  },
  'paused, claimed by a person': async (cell, mood) => {
    await hive.database.attemptSync.update({ where: { attemptId: cell.id }, data: { paused: true } });
    await cell.in(mood).startByHand();
  },
};

type After = 'complete' | 'found' | 'paused' | 'unavailable' | 'set_aside';

interface Ending {
  after: After;
  /** How the node answers from the start. @default silent */
  mood?: Mood;
  end?: (cell: Cell) => Promise<unknown>;
  /** The run did not settle, so that only the schedule finds it, or the next reader. */
  isLost?: true;
  /** There must be lines to pull. */
  needsLines?: true;
  /** It comes when the backfill has waited long enough for the node. */
  isHasty?: true;
}

const ENDINGS: Record<string, Ending> = {
  complete: { after: 'complete', mood: 'serves' },
  'partial, with lines that the node lost': { after: 'set_aside', mood: 'loses_lines', needsLines: true },
  unavailable: { after: 'unavailable', mood: 'not_found' },
  failed: { after: 'found', mood: 'internal', isHasty: true },
  'node offline during a step': {
    after: 'found',
    isHasty: true,
    end: async (cell) => {
      await cell.untilAsked('describe');
      await cell.node.disconnect();
    },
  },
  'cancelled as soon as it is started': { after: 'paused', end: (cell) => cell.cancel() },
  'cancelled while it describes': {
    after: 'paused',
    end: async (cell) => {
      await cell.untilAsked('describe');
      expect(await cell.cancel()).toBe(true);
    },
  },
  'cancelled while it pulls': {
    after: 'paused',
    mood: 'describes',
    needsLines: true,
    end: async (cell) => {
      await cell.untilAsked('read');
      expect(await cell.cancel()).toBe(true);
    },
  },
  'cancelled while it waits for the node': {
    after: 'paused',
    end: async (cell) => {
      await cell.untilAsked('describe');
      await cell.node.disconnect();
      await until(
        async () => (await cell.handle.query<{ phase: string }>('progress')).phase === 'waiting_for_node',
        60_000,
        'it waits',
      );
      await cell.cancel();
    },
  },
  'cancelled in the Temporal UI': {
    after: 'paused',
    end: async (cell) => {
      await cell.untilAsked('describe');
      await cell.handle.cancel();
    },
  },
  'terminated during a step': {
    after: 'found',
    isLost: true,
    end: async (cell) => {
      await cell.untilAsked('describe');
      await cell.handle.terminate();
    },
  },
  'terminated as soon as it is started': { after: 'found', isLost: true, end: (cell) => cell.handle.terminate() },
  'its history lost': {
    after: 'found',
    isLost: true,
    end: async (cell) => {
      await cell.untilAsked('describe');
      await client.workflowService.deleteWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId: client.names.backfillId(cell.id) },
      });
      await until(
        () =>
          cell.handle.describe().then(
            () => false,
            () => true,
          ),
        60_000,
        'Temporal forgets it',
      );
    },
  },
  'reset in the Temporal UI, and then complete': {
    after: 'complete',
    end: async (cell) => {
      await cell.untilAsked('describe');
      const { runId } = await cell.handle.describe();
      await client.workflowService.resetWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId: client.names.backfillId(cell.id), runId },
        workflowTaskFinishEventId: 4 as never,
        requestId: runId,
        reason: 'the test',
      });
      cell.node.mood = 'serves';
    },
  },
};

function expected(beginning: string, after: After): After {
  if (beginning.startsWith('complete')) return 'complete'; // it lacks nothing, whatever became of the backfill
  return after === 'found' && beginning.startsWith('unavailable') ? 'unavailable' : after;
}

const CELLS = Object.entries(ENDINGS).flatMap(([name, ending]) =>
  Object.keys(BEGINNINGS)
    .filter((beginning) => !(ending.needsLines && beginning.startsWith('complete')))
    .map((beginning) => ({ name, beginning, ending, after: expected(beginning, ending.after) })),
);

test.concurrent.each(CELLS)('$name; before: $beginning; after: $after', async ({ beginning, ending, after }) => {
  const cell = await Cell.create();
  cell.isHasty = ending.isHasty ?? false;
  await BEGINNINGS[beginning]?.(cell, ending.mood ?? 'silent');
  await ending.end?.(cell);
  await cell.untilEnded();
  if (ending.isLost) await cell.round();
  const sync = await cell.sync();
  expect(sync.state).toBe(
    { complete: 'complete', unavailable: 'unavailable' }[after as string] ?? stateAfter(beginning, after),
  );
  expect(sync).toMatchObject({ runId: null, paused: after === 'paused' });
  await cell.node.disconnect();
  cell.node.mood = 'serves';
  cell.isHasty = false;
  await cell.node.connect();
  await TRIGGERS[after](cell);
  await cell.untilState('complete');
  await cell.untilEnded();
  expect(await cell.sync()).toMatchObject({ paused: false, runId: null, needsBackfill: false });
  await cell.node.disconnect();
});

/** Someone may cancel what the node did not have; everything else that is paused is partial. */
function stateAfter(beginning: string, after: After): string {
  return after === 'paused' && beginning.startsWith('unavailable') ? 'unavailable' : 'partial';
}

/** What finds the attempt after such an ending. */
const TRIGGERS: Record<After, (cell: Cell) => Promise<void>> = {
  complete: () => Promise.resolve(),
  found: async (cell) => {
    const { nodeId, needsBackfill, retryAt } = await cell.sync();
    expect(needsBackfill).toBe(true);
    expect(retryAt?.getTime() ?? 0).toBeLessThan(Date.now() + 31_000);
    await hive.database.attemptSync.update({ where: { attemptId: cell.id }, data: { retryAt: null } }); // in time
    const found = await listNodesToDrain(hive.database, 1000);
    expect(found.map((node) => node.nodeId)).toContain(nodeId);
    await cell.startByRead();
  },
  paused: async (cell) => {
    expect(await backfills.requestByRead(scope, cell.id)).toBe('nothing');
    await cell.startByHand();
  },
  unavailable: (cell) => cell.startByRead(), // the node has announced it again
  set_aside: (cell) => cell.startByHand(),
};

test.concurrent.each([
  ['partial', () => Promise.resolve()],
  ['complete', (cell: Cell) => cell.bring('serves', 'complete')],
  ['unavailable', (cell: Cell) => cell.bring('not_found', 'unavailable')],
] as const)("a start by hand of an offline node's attempt that was %s leaves no claim", async (state, bring) => {
  const cell = await Cell.create();
  await bring(cell);
  await cell.node.disconnect();
  await until(async () => !(await cell.isConnected()), 60_000, 'the lease has ended');
  const { requestedAt } = await cell.sync();
  cell.isHasty = true;
  await cell.startByHand();
  // it has been claimed, which may have ended by now
  expect((await cell.sync()).requestedAt?.getTime()).toBeGreaterThan(requestedAt?.getTime() ?? 0);
  await cell.untilEnded();
  expect(await cell.sync()).toMatchObject({ state, paused: false, retryAt: null, needsBackfill: state === 'partial' });
});

test.concurrent('a claim whose gap live pages have closed before the first step ends with its run', async () => {
  const cell = await Cell.create();
  const claim = await cell.claim();
  await hive.database.attemptSync.update({ where: { attemptId: cell.id }, data: { needsBackfill: false } });
  await startUnlessRunning(client, { ...(await cell.input()), trigger: 'read', claim });
  await cell.untilEnded();
  expect(await cell.handle.result()).toMatchObject({ reason: 'nothing_missing' });
  expect(await cell.sync()).toMatchObject({ state: 'partial', runId: null, lastError: null });
  await cell.node.disconnect();
});

test.concurrent.each([
  ['a read', (cell: Cell) => cell.startByRead()],
  ['a person', (cell: Cell) => cell.startByHand()],
  ['a storm or a drain', (cell: Cell) => cell.startAsDrain()],
] as const)('what is announced during the backfill of %s is backfilled by it', async (_, begin) => {
  const cell = await Cell.create();
  const { node } = cell.in('serves');
  node.beforeReadEnds = async () => {
    if (node.attempt.revision > 1) return;
    node.addExecution();
    await node.announce();
  };
  await begin(cell);
  await cell.untilState('complete');
  await cell.untilEnded();
  expect(await hive.database.execution.count({ where: { attemptId: cell.id, storedLines: 2 } })).toBe(2);
  expect(await cell.handle.result()).toMatchObject({ outcome: 'complete' });
  expect(node.asked).toEqual({ describe: 1, read: 2 }); // what was announced in full needs no description
  await node.disconnect();
});

test.concurrent(
  'what is announced while the node still answers that it has no such attempt is backfilled',
  async () => {
    const cell = await Cell.create();
    const { node } = cell.in('not_found');
    node.beforeRefusing = async () => {
      if (node.attempt.revision > 1) return;
      node.addExecution();
      await node.announce();
      node.mood = 'serves';
    };
    await cell.startByRead();
    await cell.untilEnded();
    expect(await cell.handle.result()).toMatchObject({ outcome: 'complete' });
    expect(await cell.sync()).toMatchObject({ state: 'complete', unavailableReason: null });
    await node.disconnect();
  },
);

test.concurrent('a backfill of an attempt that changes all the time ends, and the attempt is found again', async () => {
  const cell = await Cell.create();
  const { node } = cell.in('serves');
  node.beforeReadEnds = async () => {
    node.addExecution();
    await node.announce();
  };
  await cell.startByRead();
  await cell.untilEnded();
  expect(await cell.handle.result()).toMatchObject({ outcome: 'partial', reason: 'incomplete' });
  expect(node.asked.read).toBe(6);
  node.beforeReadEnds = () => Promise.resolve();
  await TRIGGERS.found(cell);
  await cell.untilState('complete');
  await cell.untilEnded();
  await node.disconnect();
});

test.concurrent(
  'a node that is back by the time that its backfill settles node_offline is mirrored by it',
  async () => {
    const cell = await Cell.create();
    const { nodeId } = await cell.sync();
    await cell.node.disconnect();
    await until(async () => !(await cell.isConnected()), 60_000, 'the lease has ended');
    cell.isHasty = true;
    // the workflow sees no lease, and settling comes after the login: the lock makes that order
    await cell.in('serves').startByHand();
    let connected: Promise<void> | undefined;
    await hive.database.$transaction(async (tx) => {
      await lockAttempts(tx, [cell.id]);
      await until(
        async () => (await cell.handle.query<{ phase: string }>('progress')).phase === 'settling',
        60_000,
        'settling',
      );
      connected = cell.node.connect(); // what it announces waits for the lock, too
      await until(() => cell.isConnected(), 60_000, `${nodeId} is connected`);
    });
    await connected;
    await cell.untilState('complete');
    await cell.untilEnded();
    expect(await cell.handle.result()).toMatchObject({ outcome: 'complete' });
    await cell.node.disconnect();
  },
);

test.concurrent.each([
  ['a start by hand', () => Promise.resolve(), (cell: Cell) => cell.startByHand()],
  ['the schedule', (cell: Cell) => cell.claim(), (cell: Cell) => cell.round().then(() => TRIGGERS.found(cell))],
] as const)('a workflow that no worker can run is ended by %s', async (_, claim, endAndStart) => {
  const cell = await Cell.create();
  await claim(cell);
  const workflow = { workflowId: client.names.backfillId(cell.id), taskQueue: client.names.queue };
  await client.workflow.start('aTypeNobodyKnows', workflow);
  const isStuck = async () => (await findRunning(client, cell.id, STUCK_TRIES))?.isStuck === true;
  await until(isStuck, 60_000, 'it is stuck');
  await endAndStart(cell.in('serves'));
  await cell.untilState('complete');
  await cell.untilEnded(); // the last test counts it
  await cell.node.disconnect();
});

test('each backfill of the table was counted once, when it began and when it ended', async () => {
  const total = async (name: string) => {
    const metric = await register.getSingleMetric(name)?.get();
    return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  };
  const ended = (await total('backfill_success_total')) + (await total('backfill_failures_total'));
  expect(ended).toBeGreaterThanOrEqual(CELLS.length);
  // on a busy machine Temporal may miss a read's deadline; the read has been counted, and its workflow may not even start
  const missed = logged.filter((line) => line.includes('a read could not start a backfill')).length;
  const requested = await total('backfill_requests_total');
  expect(requested - ended).toBeGreaterThanOrEqual(0);
  expect(requested - ended).toBeLessThanOrEqual(missed);
});
