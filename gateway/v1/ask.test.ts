import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { forOrganization } from '../../prisma/organization-scope.js';
import { isLookWanted, wantLook } from '../../prisma/queries/v1/looks.js';
import { ScriptedV1Node, v1Rows, type V1Attempt, type V1Execution } from '../../tests/harness/scripted-v1-node.js';
import {
  askedAtLogin,
  batchConnectionTo,
  startTestGateway,
  type TestGateway,
} from '../../tests/harness/test-gateway.js';
import { until } from '../../tests/harness/until.js';
import type { BatchConnection, NodeRequestError } from '../interface.js';
import type { WatchBounds } from './running-watch.js';

const QUICK: Partial<WatchBounds> = { roundMs: 200, freshMs: 100, quietMs: 100, sweepMs: 50, retryMs: 50 };
/** Rounds and sweeps do not come in time for the test. */
const SLOW: Partial<WatchBounds> = { roundMs: 60_000, sweepMs: 60_000, retryMs: 50 };

let quick: TestGateway;
let slow: TestGateway;
const nodes: ScriptedV1Node[] = [];

beforeAll(async () => {
  quick = await startTestGateway({ watchBounds: QUICK });
  slow = await startTestGateway({ watchBounds: SLOW });
});
afterEach(() => {
  for (const node of nodes.splice(0)) node.drop();
});
afterAll(async () => {
  await quick.stop();
  await slow.stop();
});

const never = new AbortController().signal;
const running = { status: 'running', exit_code: null, completed_at: null };

class Connected {
  constructor(
    readonly hive: TestGateway,
    readonly node: ScriptedV1Node,
    readonly nodeId: string,
  ) {}

  get connection(): BatchConnection {
    return batchConnectionTo(this.hive.gateway, this.nodeId);
  }

  mirror({ frame }: V1Attempt) {
    return this.connection.backfill(frame.attempt_id, 'full_attempt', never);
  }

  syncOf({ frame }: V1Attempt) {
    return this.hive.database.attemptSync.findUniqueOrThrow({ where: { attemptId: frame.attempt_id } });
  }

  async stored({ frame }: V1Execution) {
    return this.hive.database.execution.findUnique({ where: { id: frame.execution_id } });
  }

  async reconnect(node = this.node): Promise<Connected> {
    this.node.drop();
    await until(() => this.hive.gateway.connectionTo(this.nodeId) === undefined);
    return connect(this.hive, node);
  }
}

async function connect(hive: TestGateway, node: ScriptedV1Node): Promise<Connected> {
  nodes.push(node);
  const { node_id: nodeId } = await node.connect(hive.url);
  return new Connected(hive, node, nodeId as string);
}

const connectNew = async (hive: TestGateway) => connect(hive, new ScriptedV1Node((await hive.newKey()).secret));

/** What an original node does at an execution's end: nothing that a hive could see. */
function end({ frame }: V1Execution): void {
  Object.assign(frame, { status: 'completed', exit_code: 0, completed_at: '2026-02-01T10:20:00.123Z' });
}

describe('what a node does not say', () => {
  test('the end of an execution is learnt by asking, while the node stays connected', async () => {
    const at = await connectNew(quick);
    const attempt = at.node.addAttempt();
    const execution = at.node.addExecution(attempt, v1Rows(20), running);
    at.node.pushCycle();
    await until(async () => (await at.stored(execution))?.storedLines === 20);
    await at.mirror(attempt); // as a new attempt needs it
    expect(await at.syncOf(attempt)).toMatchObject({ state: 'partial', needsBackfill: false });
    end(execution);
    await until(async () => (await at.syncOf(attempt)).needsBackfill);
    expect((await at.stored(execution))?.status).toBe('completed');
    await until(() => quick.drained.includes(at.nodeId));
    await at.mirror(attempt);
    expect((await at.syncOf(attempt)).state).toBe('complete');
  });

  test('an end is looked for a moment after the lines have stopped coming, without a round', async () => {
    const hive = await startTestGateway({ watchBounds: { ...SLOW, quietMs: 100 } });
    try {
      const at = await connectNew(hive);
      const attempt = at.node.addAttempt();
      const execution = at.node.addExecution(attempt, v1Rows(20), running);
      at.node.pushAttempt(attempt);
      at.node.pushExecution(attempt, execution, 10);
      end(execution);
      await until(async () => (await at.stored(execution))?.status === 'completed');
    } finally {
      await hive.stop();
    }
  });

  test('an end that came while the node was away is learnt at its login', async () => {
    const at = await connectNew(slow);
    const attempt = at.node.addAttempt();
    const execution = at.node.addExecution(attempt, v1Rows(3), running);
    await at.mirror(attempt);
    end(execution);
    await at.reconnect();
    await until(async () => (await at.stored(execution))?.status === 'completed');
    expect(await at.syncOf(attempt)).toMatchObject({ needsBackfill: true });
  });

  test('an execution that was announced on a lost socket is found after the next login, however old its attempt is', async () => {
    const at = await connectNew(quick);
    const attempts = Array.from({ length: 60 }, (_, index) =>
      at.node.addAttempt({ created_at: new Date(Date.UTC(2026, 1, 1) + index * 60_000).toISOString() }),
    );
    const [oldest] = attempts;
    if (!oldest) throw new Error('no attempt');
    for (const attempt of attempts) at.node.pushAttempt(attempt);
    await until(async () => (await quick.database.attempt.count({ where: { nodeId: at.nodeId } })) === 60);
    await at.mirror(oldest);
    expect((await at.syncOf(oldest)).state).toBe('complete');
    const lost = at.node.addExecution(oldest, v1Rows(3));
    await at.reconnect();
    await until(async () => (await at.syncOf(oldest)).needsBackfill);
    expect(await at.stored(lost)).toMatchObject({ status: 'completed' });
  });
});

describe('what the node does not speak of', () => {
  test.each<[string, (node: ScriptedV1Node, attempt: V1Attempt) => void]>([
    ['an attempt that it no longer has', (node, { frame }) => void node.attempts.delete(frame.attempt_id)],
    ['an execution that it no longer lists', (_, attempt) => void attempt.executions.splice(0)],
    ['an attempt that it no longer shares', (_, attempt) => void (attempt.isShared = false)],
  ])('%s is asked for whole', async (_name, forget) => {
    const at = await connectNew(quick);
    const attempt = at.node.addAttempt();
    at.node.addExecution(attempt, v1Rows(3), running);
    at.node.pushCycle();
    await at.mirror(attempt);
    await sleep(300); // a round finds nothing amiss
    expect(await at.syncOf(attempt)).toMatchObject({ state: 'partial', needsBackfill: false });
    forget(at.node, attempt);
    await until(async () => (await at.syncOf(attempt)).needsBackfill);
    await until(() => quick.drained.includes(at.nodeId));
  });

  test('a complete attempt stays complete, even if the node no longer has it', async () => {
    const at = await connectNew(quick);
    const attempt = at.node.addAttempt();
    at.node.addExecution(attempt, v1Rows(3));
    await at.mirror(attempt);
    at.node.attempts.clear();
    await at.reconnect();
    // the second connection's sweep is about the attempt
    let isAnswered = false;
    at.node.observe = (_, { type, data }) => {
      isAnswered ||= type === 'backfill_response' && String(data['error']).includes(attempt.frame.attempt_id);
    };
    await until(() => isAnswered);
    await at.node.settled();
    expect(await at.syncOf(attempt)).toMatchObject({ state: 'complete', needsBackfill: false });
  });

  test('a dropped execution, which no answer lists, does not make its attempt be asked for again and again', async () => {
    const at = await connectNew(quick);
    const attempt = at.node.addAttempt();
    at.node.addExecution(attempt, v1Rows(3), { ...running, dropped: true });
    at.node.pushCycle();
    await at.mirror(attempt);
    await sleep(500);
    expect(await at.syncOf(attempt)).toMatchObject({ state: 'partial', needsBackfill: false });
  });
});

test('a backfill of the executions alone is an ask about one attempt', async () => {
  const at = await connectNew(slow);
  await askedAtLogin(slow.database, at.node, at.nodeId); // one ask is out at a time
  const attempt = at.node.addAttempt();
  at.node.pushAttempt(attempt);
  const execution = at.node.addExecution(attempt, v1Rows(3));
  await until(async () => (await slow.database.attempt.count({ where: { nodeId: at.nodeId } })) === 1);
  const alone = (attemptId: string) => at.connection.backfill(attemptId, 'executions', never);
  expect(await alone(attempt.frame.attempt_id)).toEqual({ done: true, linesStored: 0, changed: true });
  expect(await at.stored(execution)).toMatchObject({ status: 'completed', storedLines: 0 });
  expect(await alone(attempt.frame.attempt_id)).toEqual({ done: true, linesStored: 0, changed: false });
  await expect(alone(randomUUID())).rejects.toMatchObject({ code: 'not_found' });
});

test('a node that was killed while it owed answers is mirrored as soon as it is back', async () => {
  const at = await connectNew(slow);
  await askedAtLogin(slow.database, at.node, at.nodeId);
  at.node.isMute = true;
  const asked = Array.from({ length: 3 }, () => at.node.addAttempt()).map((attempt) =>
    at.mirror(attempt).catch((error: unknown) => (error as NodeRequestError).code),
  );
  const [running] = at.node.attempts.values();
  asked.push(
    at.connection
      .backfill(running?.frame.attempt_id ?? '', 'executions', never)
      .catch((error: unknown) => (error as NodeRequestError).code),
  );
  await until(async () => (await slow.database.backfillRequest.count({ where: { nodeId: at.nodeId } })) === 4);
  // its process is new, so it knows nothing of what it was asked before
  const reborn = new ScriptedV1Node(at.node.apiKey);
  const attempt = reborn.addAttempt();
  reborn.addExecution(attempt, v1Rows(3));
  const back = await at.reconnect(reborn);
  expect(await Promise.all(asked)).toEqual(Array(4).fill('disconnected'));
  const startedAt = performance.now();
  await until(async () => (await slow.database.backfillRequest.count({ where: { nodeId: at.nodeId } })) === 0);
  await back.mirror(attempt);
  expect((await back.syncOf(attempt)).state).toBe('complete');
  expect(performance.now() - startedAt).toBeLessThan(30_000); // without waiting for a round
});

test('what a reader at any hive wants to know is asked by the hive that has the node', async () => {
  const at = await connectNew(slow);
  const attempt = at.node.addAttempt();
  const execution = at.node.addExecution(attempt, v1Rows(3), running);
  await at.mirror(attempt);
  end(execution);
  const scope = forOrganization(slow.database, slow.organizationId);
  const { attempt_id: attemptId } = attempt.frame;
  await wantLook(scope, attemptId, 10);
  await until(async () => !(await isLookWanted(scope, attemptId)));
  expect((await at.stored(execution))?.status).toBe('completed');
  expect(await at.syncOf(attempt)).toMatchObject({ state: 'partial', needsBackfill: true });
  await wantLook(scope, attemptId, 600); // it was asked just now
  expect(await isLookWanted(scope, attemptId)).toBe(false);
});
