/** One execution whose log is too large to be held, at a gateway of the test's own. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import {
  entryOf,
  StreamingV1Node,
  type GeneratedLog,
  type StreamedAttempt,
} from '../../tests/harness/streaming-v1-node.js';
import { batchConnectionTo, startTestGateway, type TestGateway } from '../../tests/harness/test-gateway.js';
import { until } from '../../tests/harness/until.js';
import { mirrorV1 } from '../../activities/mirror-v1.js';
import { forOrganization } from '../../prisma/organization-scope.js';
import { claimManualBackfill } from '../../prisma/queries/claim-backfill.js';
import { settleBackfill } from '../../prisma/queries/settle-backfill.js';
import { readStoredLines } from '../../prisma/queries/v1/stored-log.js';
import type { LogLine } from '../../protocol/page.js';
import { NodeRequestError, type BackfillAnswer, type BatchConnection } from '../interface.js';
import { LargeMessages } from './large-messages.js';

const MIB = 1024 * 1024;
/** Messages of more than this are too large here. */
const MAX_BYTES = 100 * MIB;

let testGateway: TestGateway;
const nodes: StreamingV1Node[] = [];

beforeAll(async () => {
  testGateway = await startTestGateway({ messageLimits: { messageBytes: MAX_BYTES, wholeBytes: 4 * MIB } });
});
afterEach(() => {
  for (const node of nodes.splice(0)) node.drop();
});
afterAll(() => testGateway.stop());

/** Lines of an agent's output, from 100 to 2,000 bytes, no two alike. */
const WORDS = Array.from({ length: 64 }, (_, index) => 'Some words that an agent says. '.repeat(index + 2));
function agentLog(bytes: number, marker = ''): GeneratedLog {
  const content = (index: number) => `{"type":"assistant","line":${index}${marker},"text":"${WORDS[index % 64]}"}`;
  return { lines: Math.round(bytes / 1160), content };
}

async function newNode(): Promise<StreamingV1Node> {
  const { secret } = await testGateway.newKey();
  const node = new StreamingV1Node(secret);
  nodes.push(node);
  return node;
}

/** Connects the node, and waits until the hive knows its attempts. */
async function connect(node: StreamingV1Node): Promise<BatchConnection> {
  await node.connect(testGateway.url);
  node.announce();
  const ids = [...node.attempts.keys()];
  await until(async () => (await testGateway.database.attempt.count({ where: { id: { in: ids } } })) === ids.length);
  return batchConnectionTo(testGateway.gateway, node.nodeId);
}

/** Backfills as a workflow does: it asks again until the answer is there. */
async function backfill(connection: BatchConnection, { attemptId }: StreamedAttempt): Promise<number> {
  let linesStored = 0;
  for (;;) {
    const answer = await ask(connection, attemptId);
    linesStored += answer?.linesStored ?? 0;
    if (answer?.done) return linesStored;
  }
}

/** @returns undefined if the node owes as many answers as it may */
async function ask(connection: BatchConnection, attemptId: string): Promise<BackfillAnswer | undefined> {
  try {
    return await connection.backfill(attemptId, 'full_attempt', new AbortController().signal);
  } catch (error) {
    if (error instanceof NodeRequestError && error.code === 'busy') return undefined;
    throw error;
  }
}

const syncOf = ({ attemptId }: StreamedAttempt) =>
  testGateway.database.attemptSync.findUniqueOrThrow({ where: { attemptId } });
const executionOf = ({ executionId: id }: StreamedAttempt) =>
  testGateway.database.execution.findUniqueOrThrow({ where: { id } });

/** Compares the stored log with the node's, line by line. */
async function expectEqual(attempt: StreamedAttempt): Promise<void> {
  const { storedLines, logEpoch: epoch } = await executionOf(attempt);
  const log = { ...attempt, epoch, storedLines } as unknown as Parameters<typeof readStoredLines>[1];
  let index = 0;
  for await (const lines of readStoredLines(testGateway.database, log, 0)) {
    for (const json of lines) {
      const { content } = JSON.parse(json) as LogLine;
      if (content !== attempt.log.content(index)) throw new Error(`line ${index + 1} differs`);
      index++;
    }
  }
  expect(index).toBe(attempt.log.lines);
  expect(storedLines).toBe(attempt.log.lines);
}

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

/** What the process holds, this test's node among it. */
function liveBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('an execution of 75 MB and four small ones beside it are complete, and the hive never holds the large one', async () => {
  const node = await newNode();
  const large = node.addAttempt(agentLog(75_000_000));
  const small = Array.from({ length: 4 }, () => node.addAttempt({ lines: 100, content: (index) => `line ${index}` }));
  const connection = await connect(node);
  const before = liveBytes();
  let most = 0;
  const sampling = setInterval(() => (most = Math.max(most, liveBytes())), 1000);
  await Promise.all([large, ...small].map((attempt) => backfill(connection, attempt)));
  clearInterval(sampling);
  expect(most - before).toBeLessThan(32 * MIB); // 8 MiB as measured; the message has 72
  for (const attempt of [large, ...small]) {
    expect((await syncOf(attempt)).state).toBe('complete');
    await expectEqual(attempt);
  }
});

test('after a cut in the middle, the lines that came stay, and the next answer goes on behind them', async () => {
  const node = await newNode();
  const attempt = node.addAttempt(agentLog(20_000_000));
  node.options = () => ({ cutAfter: 12_000_000 });
  await expect(backfill(await connect(node), attempt)).rejects.toMatchObject({ code: 'disconnected' });
  const { storedLines: stored } = await executionOf(attempt);
  expect(stored).toBeGreaterThan(0); // what was on the way to being stored is lost with the socket
  expect(stored).toBeLessThan(attempt.log.lines);
  node.options = () => ({});
  const stores = await backfill(await connect(node), attempt);
  expect(stores).toBe(attempt.log.lines - stored);
  await expectEqual(attempt);
  expect((await executionOf(attempt)).replacedAt).toBeNull();
  expect((await syncOf(attempt)).state).toBe('complete');
});

test('a log that differs in the middle replaces the stored one from there, and one that is shorter cuts it off', async () => {
  const node = await newNode();
  const attempt = node.addAttempt(agentLog(8_000_000));
  const connection = await connect(node);
  await backfill(connection, attempt);
  const { lines } = attempt.log;
  const content = (index: number) => agentLog(8_000_000).content(index);
  const differs = Math.round(lines / 2);
  attempt.log = { lines, content: (index) => (index < differs ? content(index) : `${content(index)} anew`) };
  await backfill(connection, attempt);
  await expectEqual(attempt);
  expect(await executionOf(attempt)).toMatchObject({ logEpoch: 2, storedEpoch: 2, stdoutLines: lines });
  attempt.log = { ...attempt.log, lines: differs + 100 };
  await backfill(connection, attempt);
  await expectEqual(attempt);
  const epochs = await testGateway.database.logPage.groupBy({
    by: ['logEpoch'],
    where: { executionId: attempt.executionId },
  });
  expect(epochs).toHaveLength(1);
  expect((await syncOf(attempt)).state).toBe('complete');
});

test('readers see the old log until the new one is whole, and a cut leaves nothing of it', async () => {
  const node = await newNode();
  const attempt = node.addAttempt(agentLog(8_000_000));
  await backfill(await connect(node), attempt);
  const old = attempt.log;
  attempt.log = agentLog(8_000_000, ',"new":1');
  node.options = () => ({ cutAfter: 5_000_000 });
  const connection = await connect(node);
  await expect(backfill(connection, attempt)).rejects.toMatchObject({ code: 'disconnected' });
  await expectEqual({ ...attempt, log: old });
  const { logEpoch } = await executionOf(attempt);
  await until(async () => (await pagesOf(attempt, logEpoch + 1)) === 0);
  node.options = () => ({});
  await backfill(await connect(node), attempt);
  await expectEqual(attempt);
});

const pagesOf = ({ executionId }: StreamedAttempt, logEpoch: number) =>
  testGateway.database.logPage.count({ where: { executionId, logEpoch } });

test('a log that is too large costs one transfer an hour, says so with its size, and nothing else is lost', async () => {
  const node = await newNode();
  const small = node.addAttempt({ lines: 100, content: (index) => `line ${index}` });
  const large = node.addAttempt(agentLog(MAX_BYTES + 10_000_000));
  const connection = await connect(node);
  const failed = expect(backfill(connection, large)).rejects.toMatchObject({ code: 'too_large' });
  await Promise.all([failed, backfill(connection, small)]);
  expect((await syncOf(small)).state).toBe('complete');
  expect(node.isOpen).toBe(true);
  const { lastError, retryAt, needsBackfill } = await syncOf(large);
  expect(lastError).toMatch(/^too_large: 1\d\d,\d{3},\d{3} bytes of at most 104,857,600$/);
  expect(needsBackfill).toBe(true);
  expect(retryAt && retryAt.getTime() - Date.now()).toBeGreaterThan(3_500_000);
  // neither a change nor a backfill that is under way asks again
  large.branch = 'another';
  node.announceAttempt(large);
  await until(async () => (await branchOf(large)) === 'another');
  const fullRequests = () => node.requests.filter((request) => request.backfill_type === 'full_attempt').length;
  const asked = fullRequests(); // the gateway asks for executions by itself
  await expect(mirror(connection, large)).rejects.toMatchObject({ code: 'too_large' });
  const { database, organizationId } = testGateway;
  const settlement = { attemptId: large.attemptId, runId: 'run', ending: 'failed', reason: 'node_offline' } as const;
  await database.attemptSync.update({
    where: { attemptId: large.attemptId },
    data: { state: 'pending_backfill', runId: 'run' },
  });
  await settleBackfill(database, { ...settlement, progressed: true });
  expect(await syncOf(large)).toMatchObject({ state: 'partial', retryAt, lastError });
  expect(fullRequests()).toBe(asked);
  // a person does
  await claimManualBackfill(forOrganization(database, organizationId), large.attemptId);
  large.log = { lines: 1000, content: (index) => `line ${index}` };
  await mirror(connection, large);
  expect(await syncOf(large)).toMatchObject({ state: 'complete', retryAt: null, lastError: null, tooLarge: null });
});

const branchOf = async ({ attemptId: id }: StreamedAttempt) => {
  const { metadata } = await testGateway.database.attempt.findUniqueOrThrow({ where: { id } });
  return (metadata as { branch: string }).branch;
};

/** A step of a backfill's workflow. */
function mirror(connection: BatchConnection, { attemptId }: StreamedAttempt): Promise<unknown> {
  const { signal } = new AbortController();
  const { database } = testGateway;
  const checkPage = () => Promise.reject(new Error('a version 1 node sends no pages'));
  return mirrorV1(
    { attemptId, connection, database, checkPage, signal, stepMs: 5000, pulled: { lines: 0 } },
    'full_attempt',
  );
}

test.each([
  ['is no JSON', 'x'],
  ['has an entry of an unknown shape', ',{"output_type":"stdin"}'],
  ['is not complete', ''],
])('a large batch that %s ends nothing but itself', async (_, fault) => {
  const node = await newNode();
  const attempt = node.addAttempt(agentLog(3_000_000));
  const connection = await connect(node);
  const head = `{"type":"logs_batch","data":{"assignment_id":"${attempt.attemptId}","execution_process_id":"${attempt.executionId}","entries":[`;
  const entries = Array.from({ length: 2_000 }, (_, index) => entryOf(attempt.log, index)).join(',');
  const text = head + entries + fault + (fault === '' ? '' : '],"compressed":false}}');
  await node.sendMessage(text.length, [text]);
  await backfill(connection, attempt);
  await expectEqual(attempt);
  expect(node.isOpen).toBe(true);
});

test('nodes that trickle large messages keep neither memory nor their organisation’s share from others', async () => {
  const limits = { totalBytes: 6 * MIB, organizationBytes: 6 * MIB, minRate: 100_000, rateMs: 300, maxWaitMs: 60_000 };
  const places = new LargeMessages(limits);
  const crowded = await startTestGateway({ largeMessages: places });
  const join = async () => {
    const node = new StreamingV1Node((await crowded.newKey()).secret);
    nodes.push(node);
    await node.connect(crowded.url);
    return node;
  };
  try {
    const id = randomUUID();
    const message = taskOf(id, 2 * MIB);
    const trickling = await Promise.all([join(), join(), join()]);
    for (const node of trickling) {
      const beforeWrite = (sent: number) => (sent > MIB / 2 ? sleep(100) : undefined);
      void node.sendMessage(message.length, message.match(/[^]{1,1000}/g) ?? [], { beforeWrite, writeBytes: 1000 });
    }
    const { organizationId } = crowded;
    const hasPlace = () => {
      let isAdmitted = false;
      const [admitted, refused] = [() => (isAdmitted = true), () => undefined];
      places.take({ organizationId, bytes: message.length, arrived: () => undefined, admitted, refused })();
      return isAdmitted;
    };
    await until(() => !hasPlace(), 60_000, 'the trickling messages have taken all places');
    const honest = await join();
    await honest.sendMessage(message.length, [message]);
    await until(() => honest.answeredTasks.includes(id));
    await until(() => trickling.some(({ closeReason }) => closeReason?.includes('too slowly')));
  } finally {
    for (const node of nodes.splice(0)) node.drop();
    await crowded.stop();
  }
});

test('what comes behind a large message is taken after it', async () => {
  const node = await newNode();
  const attempt = node.addAttempt(agentLog(3_000_000));
  const connection = await connect(node);
  const request = connection.backfill(attempt.attemptId, 'full_attempt', new AbortController().signal);
  await until(() => node.sentBytes > 0); // the log is on its way
  node.heartbeat();
  await request;
  await backfill(connection, attempt);
  await expectEqual(attempt);
});

test('a large message that is no batch is held whole, and one that is too large is skipped', async () => {
  const node = await newNode();
  await connect(node);
  const [taken, skipped] = [randomUUID(), randomUUID()];
  for (const text of [taskOf(skipped, 5 * MIB), taskOf(taken, 2 * MIB)]) await node.sendMessage(text.length, [text]);
  await until(() => node.answeredTasks.length === 1);
  expect(node.answeredTasks).toEqual([taken]);
  expect(node.isOpen).toBe(true);
});

/** A task_sync whose unknown field makes it large. */
function taskOf(id: string, bytes: number): string {
  const times = { created_at: '2026-02-01T10:00:00Z', updated_at: '2026-02-01T10:00:00Z' };
  const known = { local_task_id: id, local_project_id: id, title: 'Task', status: 'todo', version: 1, ...times };
  return JSON.stringify({ type: 'task_sync', data: { ...known, more: 'x'.repeat(bytes) } });
}
