import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { encodeLine, encodePage } from '../../protocol/page.js';
import { isLocked } from '../../prisma/errors.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { linesOfRows } from '../../tests/harness/page-lines.js';
import { makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { LivePageWriter } from './live-page-writer.js';

let hive: TestHive;
let writer: LivePageWriter;
beforeEach(async () => {
  hive = await startTestHive();
  writer = new LivePageWriter(hive.database, pino({ level: 'silent' }));
});
afterEach(() => hive.close());

interface Recorded {
  nodeId: string;
  executionId: string;
}

async function record(options: { status?: 'completed' | 'running'; declaredLines?: number } = {}): Promise<Recorded> {
  const { status = 'running', declaredLines } = options;
  const nodeId = await seedNode(hive.database, hive.own.id, { name: randomUUID() });
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const lines = declaredLines === undefined ? {} : { declaredLines };
  return {
    nodeId,
    executionId: await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, status, ...lines }),
  };
}

async function store(
  { nodeId, executionId }: Recorded,
  { from, count = 3, epoch = 0, fence = 1n }: { from: number; count?: number; epoch?: number; fence?: bigint },
) {
  const lines = makeLines('line', count, from);
  const [firstSeq, lastSeq] = [from, from + count - 1];
  const gzip = await encodePage(lines.map(encodeLine).join('\n'));
  return writer.store({ nodeId, fence }, { executionId, logEpoch: epoch, firstSeq, lastSeq, gzip });
}

const rowsOf = ({ executionId }: Recorded) =>
  hive.database.logPage.findMany({ where: { executionId }, orderBy: { firstSeq: 'asc' } });
const linesOf = async (recorded: Recorded) => linesOfRows(await rowsOf(recorded));

test('pages of many nodes are written in few transactions, and each execution gets its own lines and counts', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, () => record()));
  for (const round of [0, 1]) {
    const results = await Promise.all(all.map((recorded) => store(recorded, { from: round * 3 + 1 })));
    for (const result of results) {
      expect(result).toMatchObject({ stored: true, storedThrough: round * 3 + 3, lastOfEnded: false });
    }
  }
  for (const recorded of all) {
    expect(await linesOf(recorded)).toEqual([...makeLines('line', 3), ...makeLines('line', 3, 4)]);
    const execution = await hive.database.execution.findUniqueOrThrow({ where: { id: recorded.executionId } });
    const { storedLines, declaredLines, stdoutLines, stderrLines, systemLines } = execution;
    expect([storedLines, declaredLines, stdoutLines + stderrLines + systemLines]).toEqual([6, 6, 6]);
  }
  const [written] = await hive.database.$queryRaw<{ transactions: number }[]>`
    SELECT count(DISTINCT xmin::text)::int AS transactions FROM log_page`;
  expect(written?.transactions).toBeLessThan(20);
});

test('each page gets its own answer, whatever the other pages of its statement get', async () => {
  const [good, ahead, ofEpoch, superseded, ended, beyond] = await Promise.all([
    record(),
    record(),
    record(),
    record(),
    record({ status: 'completed', declaredLines: 3 }),
    record({ status: 'completed', declaredLines: 2 }),
  ]);
  const foreign = { nodeId: good.nodeId, executionId: ahead.executionId };
  const unknown = { nodeId: good.nodeId, executionId: randomUUID() };
  const results = await Promise.all([
    store(good, { from: 1 }),
    store(ahead, { from: 4 }),
    store(ofEpoch, { from: 1, epoch: 7 }),
    store(superseded, { from: 1, fence: 2n }),
    store(ended, { from: 1 }),
    store(beyond, { from: 1 }),
    store(foreign, { from: 1 }),
    store(unknown, { from: 1 }),
  ]);
  expect(results).toMatchObject([
    { stored: true, storedThrough: 3, lastOfEnded: false },
    { stored: false, code: 'gap', storedThrough: 0 },
    { stored: false, code: 'epoch', logEpoch: 0 },
    { stored: false, code: 'superseded' },
    { stored: true, storedThrough: 3, lastOfEnded: true },
    { stored: false, code: 'epoch' },
    { stored: false, code: 'unknown_execution' },
    { stored: false, code: 'unknown_execution' },
  ]);
  expect(await hive.database.logPage.count()).toBe(2);
});

test('the first page of a new epoch replaces the lines of the old one', async () => {
  const recorded = await record();
  await store(recorded, { from: 1, count: 5 });
  await hive.database.execution.update({ where: { id: recorded.executionId }, data: { logEpoch: 1 } });
  expect(await store(recorded, { from: 1, count: 2, epoch: 1 })).toMatchObject({ stored: true, storedThrough: 2 });
  expect(await linesOf(recorded)).toEqual(makeLines('line', 2));
});

test('an execution that another transaction has locked does not delay the pages of others', async () => {
  const [locked, ...others] = await Promise.all(Array.from({ length: 10 }, () => record()));
  if (!locked) throw new Error('no execution');
  let waiting: Promise<unknown> | undefined;
  // its node sends a page again that has waited for a second
  const storeLocked = () =>
    store(locked, { from: 1 }).catch((error: unknown) => {
      if (isLocked(error)) return undefined;
      throw error;
    });
  await hive.database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT FROM execution WHERE id = ${locked.executionId}::uuid FOR UPDATE`;
    waiting = storeLocked();
    for (const from of [1, 4, 7]) {
      const results = await Promise.all(others.map((recorded) => store(recorded, { from })));
      expect(results.every(({ stored }) => stored)).toBe(true);
    }
    const pages = await tx.$queryRaw`SELECT FROM log_page WHERE execution_id = ${locked.executionId}::uuid`;
    expect(pages).toHaveLength(0);
  });
  expect((await waiting) ?? (await storeLocked())).toMatchObject({ stored: true, storedThrough: 3 });
  expect(await linesOf(locked)).toEqual(makeLines('line', 3));
});
