import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { backfillOptions, type BackfillAttempt, type BackfillInput } from '../backfills/definitions.js';
import { TemporalDoor } from '../backfills/temporal-door.js';
import { checkPage } from '../protocol/page.js';
import type { AttemptSync, ExecutionSync, FrameData, HiveFrame } from '../protocol/frames.js';
import { attemptFrame, executionFrame, ScriptedNode } from '../tests/harness/scripted-node.js';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { until } from '../tests/harness/until.js';
import { WorkflowWorld } from '../tests/harness/workflow-world.js';
import { createGatewayActivities } from './gateway-activities.js';
import { createHiveActivities } from './hive-activities.js';

const STEP_MS = 300;

let hive: TestGateway;
let world: WorkflowWorld;
beforeAll(async () => {
  hive = await startTestGateway();
  world = await WorkflowWorld.create();
  const { database, gateway } = hive;
  const logger = pino({ level: process.env['HIVESYNC_TEST_LOG_LEVEL'] ?? 'silent' });
  const rest = { backfillConcurrency: 10, nodeTimeoutSeconds: 10, backfillTimeoutMinutes: 5 };
  const temporal = new TemporalDoor();
  const stopping = new AbortController().signal;
  await world.work(world.queue, createHiveActivities({ database, temporal, stopping, logger, ...rest }));
  await world.work(gateway.queue, createGatewayActivities({ database, gateway, checkPage, logger, stepMs: STEP_MS }));
});
afterAll(async () => {
  await world.stop();
  await hive.stop();
});

type Describe = FrameData<HiveFrame, 'describe_attempt'>;
type Read = FrameData<HiveFrame, 'read_logs'>;

/** A node with one attempt, which it describes and reads as the test says. */
class NodeWithAttempt {
  readonly described: (string | undefined)[] = [];
  readonly reads: string[] = [];
  partSize = 500;
  partMs = 0;
  /** Before each part is made, with its number from 0. */
  beforePart: (part: number) => void | Promise<void> = () => undefined;
  /** Answers a reading. @default every line of the execution is `line` */
  read = (request: Read): void | Promise<void> => this.sendLines(request);
  private constructor(
    readonly node: ScriptedNode,
    readonly nodeId: string,
    public attempt: AttemptSync,
    public executions: ExecutionSync[],
  ) {
    void this.#serve();
  }

  static async create(count: number, changes: Partial<ExecutionSync> = {}): Promise<NodeWithAttempt> {
    const node = await ScriptedNode.open(hive.url);
    const { node_id: nodeId } = await node.auth((await hive.newKey()).secret, randomUUID());
    const attempt = attemptFrame({ execution_count: count });
    const ended = { status: 'completed', log_lines: 1, ...changes } as const;
    const executions = Array.from({ length: count }, () => executionFrame(attempt, ended));
    return new NodeWithAttempt(node, nodeId ?? '', attempt, executions);
  }

  close(): void {
    this.node.close();
  }

  /** Announces the attempt, without its executions. */
  async announce(): Promise<void> {
    this.node.send('attempt_sync', this.attempt);
    const isKnown = async () => (await hive.database.attempt.count({ where: { id: this.attempt.attempt_id } })) === 1;
    await until(isKnown, 60_000, 'the attempt is announced');
  }

  async sendLines(request: Read): Promise<void> {
    const { execution_id, after_seq, request_id } = request;
    const { log_lines: lines, log_epoch } = this.#find(request) ?? {};
    if (lines === undefined || log_epoch === undefined) {
      this.failRead(request, 'not_found');
      return;
    }
    if (lines > after_seq) {
      const header = { execution_id, request_id, log_epoch };
      await this.node.sendPage(Array<string>(lines - after_seq).fill('line'), { ...header, first_seq: after_seq + 1 });
    }
    this.endRead(request);
  }

  endRead(request: Read, changes: object = {}): void {
    const { log_lines, log_epoch, status } = this.#find(request) ?? {};
    this.node.send('logs_end', { request_id: request.request_id, log_lines, log_epoch, status, ...changes });
  }

  failRead({ request_id }: Read, code: string): void {
    this.node.send('request_failed', { request_id, code, message: 'as the test says' });
  }

  #find({ execution_id }: Read): ExecutionSync | undefined {
    return this.executions.find((execution) => execution.execution_id === execution_id);
  }

  async #describe({ request_id, after_execution_id: after }: Describe): Promise<void> {
    this.described.push(after ?? undefined);
    await sleep(this.partMs);
    const from = after == null ? 0 : this.executions.findIndex(({ execution_id }) => execution_id === after) + 1;
    if (after != null && from === 0) {
      this.node.send('request_failed', { request_id, code: 'not_found', message: 'no such execution' });
      return;
    }
    await this.beforePart(from / this.partSize);
    const executions = this.executions.slice(from, from + this.partSize);
    const more = from + executions.length < this.executions.length;
    this.node.send('attempt_described', { request_id, attempt: this.attempt, executions, more });
  }

  async #serve(): Promise<void> {
    const { node } = this;
    while (!node.closed) {
      const frame = await node.nextFrame();
      if (frame?.type === 'describe_attempt') void this.#describe(frame.data);
      if (frame?.type !== 'read_logs') continue;
      this.reads.push(frame.data.execution_id);
      void this.read(frame.data);
    }
  }
}

async function start({ attempt, nodeId }: NodeWithAttempt, changes: Partial<BackfillInput> = {}) {
  const input: BackfillInput = {
    attemptId: attempt.attempt_id,
    nodeId,
    organizationId: hive.organizationId,
    nodeTimeoutSeconds: 60,
    trigger: 'reconnect',
    type: 'full_attempt',
    ...changes,
  };
  return world.client.workflow.start<BackfillAttempt>('backfillAttempt', {
    ...backfillOptions(input),
    workflowId: world.client.names.backfillId(input.attemptId),
    taskQueue: world.queue,
    args: [input],
  });
}

async function backfill(node: NodeWithAttempt, changes: Partial<BackfillInput> = {}) {
  return (await start(node, changes)).result();
}

const syncOf = ({ attempt }: NodeWithAttempt) =>
  hive.database.attemptSync.findUniqueOrThrow({ where: { attemptId: attempt.attempt_id } });
const executionsOf = ({ attempt }: NodeWithAttempt) =>
  hive.database.execution.findMany({ where: { attemptId: attempt.attempt_id }, orderBy: { ordinal: 'asc' } });
const idsOf = (node: NodeWithAttempt) => node.executions.map((execution) => execution.execution_id);

test.concurrent(
  'a description that takes many steps goes on in each, every part is asked for once, and the lines come after it',
  async () => {
    const node = await NodeWithAttempt.create(60);
    Object.assign(node, { partSize: 3, partMs: 100 });
    await node.announce();
    expect(await backfill(node)).toMatchObject({ outcome: 'complete', linesStored: 60, linesPulled: 60 });
    const lasts = idsOf(node).filter((_, index) => index % 3 === 2);
    expect(node.described).toEqual([undefined, ...lasts.slice(0, -1)]);
    expect(await hive.database.descriptionPart.count({ where: { attemptId: node.attempt.attempt_id } })).toBe(0);
    node.close();
  },
);

test.concurrent('steps that only pull do not ask for the description again', async () => {
  const node = await NodeWithAttempt.create(8);
  node.read = async (request) => {
    await sleep(150);
    await node.sendLines(request);
  };
  await node.announce();
  const handle = await start(node);
  expect(await handle.result()).toMatchObject({ outcome: 'complete' });
  const { events } = await handle.fetchHistory();
  expect(events?.filter((event) => event.activityTaskScheduledEventAttributes).length).toBeGreaterThan(2);
  expect(node.described).toEqual([undefined]);
  node.close();
});

test.concurrent('a step asks for the description again when the node has announced a newer revision', async () => {
  const node = await NodeWithAttempt.create(2);
  node.read = async (request) => {
    if (node.attempt.revision === 1) {
      node.attempt = { ...node.attempt, revision: 2, execution_count: 3 };
      node.executions.push(executionFrame(node.attempt, { status: 'completed', log_lines: 1 }));
      node.node.send('attempt_sync', node.attempt);
      const attemptId = node.attempt.attempt_id;
      const isKnown = async () => (await hive.database.attempt.count({ where: { id: attemptId, revision: 2n } })) === 1;
      await until(isKnown, 60_000, 'the newer revision is announced');
      await sleep(2 * STEP_MS);
    }
    await node.sendLines(request);
  };
  await node.announce();
  expect(await backfill(node)).toMatchObject({ outcome: 'complete', linesStored: 3 });
  expect(node.described).toEqual([undefined, undefined]);
  node.close();
});

test.concurrent('an execution that is no longer listed counts until the description is whole', async () => {
  const node = await NodeWithAttempt.create(9);
  Object.assign(node, { partSize: 2, partMs: 200 });
  await node.announce();
  const lost = executionFrame(node.attempt, { status: 'completed', log_lines: 5 });
  node.node.send('execution_sync', lost);
  const isKnown = async () => (await hive.database.execution.count({ where: { id: lost.execution_id } })) === 1;
  await until(isKnown, 60_000, 'the execution is announced');
  const isGone = async () =>
    (await hive.database.execution.findUniqueOrThrow({ where: { id: lost.execution_id } })).goneFromNode;
  const goneBeforeParts: boolean[] = [];
  node.beforePart = async () => void goneBeforeParts.push(await isGone());
  expect(await backfill(node)).toMatchObject({ outcome: 'complete', linesStored: 9 });
  expect(goneBeforeParts).toEqual([false, false, false, false, false]);
  expect(await isGone()).toBe(true);
  node.close();
});

test.concurrent(
  'a description ends although the attempt changes between all of its parts, and what changed is described again',
  async () => {
    const node = await NodeWithAttempt.create(12);
    Object.assign(node, { partSize: 2, partMs: 150 });
    const late = executionFrame(node.attempt, { status: 'completed', log_lines: 1, revision: 4 });
    node.beforePart = () => {
      if (node.attempt.revision >= 6) return;
      node.attempt = { ...node.attempt, revision: node.attempt.revision + 1 };
      if (node.attempt.revision !== 4) return;
      node.attempt.execution_count++;
      node.executions.unshift(late); // where the hive has been already
    };
    node.read = async (request) => {
      await sleep(STEP_MS / 4);
      await node.sendLines(request);
    };
    await node.announce();
    expect(await backfill(node)).toMatchObject({ outcome: 'complete', linesStored: 13 });
    expect(node.described.filter((after) => after === undefined)).toHaveLength(2);
    expect((await executionsOf(node)).every(({ goneFromNode }) => !goneFromNode)).toBe(true);
    node.close();
  },
);

test.concurrent(
  'a description begins again if the node no longer has the execution after which it goes on',
  async () => {
    const node = await NodeWithAttempt.create(9);
    Object.assign(node, { partSize: 3, partMs: 350 });
    node.beforePart = () => {
      if (node.attempt.revision !== 1) return;
      setTimeout(() => {
        node.attempt = { ...node.attempt, revision: 2, execution_count: 8 };
        node.executions.splice(2, 1);
      }, 100);
    };
    await node.announce();
    expect(await backfill(node)).toMatchObject({ outcome: 'complete', linesStored: 8 });
    expect(node.described.slice(0, 3)).toEqual([undefined, expect.anything(), undefined]);
    node.close();
  },
);

test.concurrent(
  'a backfill goes on with the description that an earlier one of the same revision left unfinished',
  async () => {
    const node = await NodeWithAttempt.create(10);
    Object.assign(node, { partSize: 2, partMs: 200 });
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => (end = resolve));
    node.beforePart = (part) => (part >= 3 ? over : undefined);
    await node.announce();
    const handle = await start(node);
    await until(() => node.described.length === 4, 60_000, 'three parts are described');
    await handle.terminate();
    const where = { attemptId: node.attempt.attempt_id };
    expect(await hive.database.descriptionPart.count({ where })).toBe(3);
    await sleep(STEP_MS); // the step that waits for the fourth part asks for no other one after it
    end();
    const before = node.described.length;
    expect(await backfill(node)).toMatchObject({ outcome: 'complete' });
    const after = node.described.slice(before);
    expect(after[0]).toBeUndefined(); // only its answer tells that there are more parts
    expect(after.length).toBeLessThan(5);
    node.close();
  },
);

test.concurrent(
  'an execution whose reading fails later than a step ends is set aside at the third try, and the others go on',
  async () => {
    const node = await NodeWithAttempt.create(3);
    const [, bad] = idsOf(node);
    node.read = async (request) => {
      if (request.execution_id !== bad) return node.sendLines(request);
      await sleep(STEP_MS + 100);
      node.failRead(request, 'internal');
    };
    await node.announce();
    expect(await backfill(node)).toMatchObject({ outcome: 'partial', reason: 'running_or_set_aside', linesStored: 2 });
    expect(await executionsOf(node)).toMatchObject([
      { storedLines: 1, setAsideReason: null },
      { storedLines: 0, setAsideReason: 'unreadable_at_node_internal' },
      { storedLines: 1, setAsideReason: null },
    ]);
    expect(node.reads.filter((id) => id === bad)).toHaveLength(3);
    expect(await syncOf(node)).toMatchObject({ state: 'partial', needsBackfill: false });
    node.close();
  },
);

test.concurrent('tries count across backfills, and begin anew when the reading comes further', async () => {
  const node = await NodeWithAttempt.create(1, { log_lines: 3 });
  const [execution_id = ''] = idsOf(node);
  const first: { terminate?: () => Promise<unknown> } = {};
  node.read = async (request) => {
    if (node.reads.length === 2) await first.terminate?.();
    if (node.reads.length === 3) {
      await node.node.sendPage(['line'], { execution_id, request_id: request.request_id, log_epoch: 1, first_seq: 1 });
    }
    node.failRead(request, 'internal');
  };
  await node.announce();
  const handle = await start(node);
  first.terminate = () => handle.terminate();
  const hasFailed = async (times: number) => (await executionsOf(node))[0]?.failedReads === times;
  await until(() => hasFailed(2), 60_000, 'it has failed twice, and its backfill is gone');
  expect(await backfill(node)).toMatchObject({ outcome: 'partial', linesPulled: 1 });
  expect(node.reads).toHaveLength(5); // the third came further, so that two more followed it
  expect(await executionsOf(node)).toMatchObject([{ storedLines: 1, setAsideReason: 'unreadable_at_node_internal' }]);
  node.close();
});

test.concurrent.each([
  ['the node says another count', { log_lines: 0 }],
  ['the node says another epoch', { log_epoch: 2 }],
  ['the node says another status', { status: 'running' }],
])(
  'a reading that does not match the description (%s) hides nothing: a later backfill completes the attempt',
  async (_, end) => {
    const node = await NodeWithAttempt.create(2);
    const [odd] = idsOf(node);
    let isOdd = true;
    node.read = (request) =>
      isOdd && request.execution_id === odd ? node.endRead(request, end) : node.sendLines(request);
    await node.announce();
    const first = await backfill(node);
    expect(first).toMatchObject({ outcome: 'partial', linesStored: 1 });
    expect(await executionsOf(node)).toMatchObject([{ setAsideReason: null }, { setAsideReason: null }]);
    expect(await syncOf(node)).toMatchObject({ state: 'partial', needsBackfill: true, lastError: first.reason });

    expect(await backfill(node)).toMatchObject({ outcome: 'partial', linesPulled: 0 });
    expect((await syncOf(node)).retryAt).toBeInstanceOf(Date); // nothing was stored, so it backs off
    isOdd = false;
    expect(await backfill(node)).toMatchObject({ outcome: 'complete', linesStored: 2 });
    node.close();
  },
);

test.concurrent('a page that the hive refuses because its mark is elsewhere hides nothing', async () => {
  const node = await NodeWithAttempt.create(1, { log_lines: 2 });
  let isWrong = true;
  node.read = async (request) => {
    if (!isWrong) return node.sendLines(request);
    const header = { execution_id: request.execution_id, request_id: request.request_id, log_epoch: 1 };
    await node.node.sendPage(['line'], { ...header, first_seq: 2 });
    node.endRead(request);
  };
  await node.announce();
  expect(await backfill(node)).toMatchObject({ outcome: 'partial', reason: 'page_refused_gap' });
  expect(await executionsOf(node)).toMatchObject([{ setAsideReason: null, failedReads: 0 }]);
  isWrong = false;
  expect(await backfill(node)).toMatchObject({ outcome: 'complete' });
  node.close();
});

test.concurrent(
  'a backfill whose steps store nothing fails when its time is up, and is tried again later',
  async () => {
    const node = await NodeWithAttempt.create(40);
    node.read = async (request) => {
      await sleep(STEP_MS);
      node.failRead(request, 'internal');
    };
    await node.announce();
    await expect(backfill(node, { nodeTimeoutSeconds: 2 })).rejects.toMatchObject({ cause: { type: 'no_progress' } });
    const sync = await syncOf(node);
    expect(sync).toMatchObject({ state: 'partial', needsBackfill: true, lastError: 'no_progress', runId: null });
    expect(sync.retryAt).toBeInstanceOf(Date);
    expect(node.reads.length).toBeLessThan(20);
    node.close();
  },
);
