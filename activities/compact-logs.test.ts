import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { encodeLine, encodePage, checkPage, type LogLine } from '../protocol/page.js';
import { listCompactionCandidates } from '../prisma/queries/compaction.js';
import { storePage } from '../prisma/queries/store-page.js';
import { startTestHive, type TestHive } from '../tests/harness/http-api.js';
import { linesOfRows } from '../tests/harness/page-lines.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../tests/harness/seed.js';
import { compactLogs } from './compact-logs.js';

let hive: TestHive;
let nodeId: string;
beforeAll(async () => {
  hive = await startTestHive();
  nodeId = await seedNode(hive.database, hive.own.id);
});
afterAll(() => hive.close());

const logged: string[] = [];
const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) });
const compact = () => compactLogs({ database: hive.database, logger, until: Infinity });

/** An execution whose lines are in pages of the given sizes. */
async function seedLog(pageSizes: number[], status: 'completed' | 'running' = 'completed') {
  const declaredLines = pageSizes.reduce((sum, size) => sum + size, 0);
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, status, declaredLines });
  let seq = 1;
  for (const size of pageSizes) {
    await appendPage(hive.database, executionId, makeLines('line', size, seq));
    seq += size;
  }
  return { attemptId, executionId };
}

const pagesOf = (executionId: string) =>
  hive.database.logPage.findMany({ where: { executionId }, orderBy: [{ logEpoch: 'asc' }, { firstSeq: 'asc' }] });
const boundsOf = async (executionId: string) =>
  (await pagesOf(executionId)).map((page) => [page.firstSeq, page.lastSeq]);

const linesOf = async (executionId: string) => linesOfRows(await pagesOf(executionId));

test('small pages become full ones with the same lines, and what each page says about itself is true', async () => {
  const { executionId } = await seedLog([1, 2, 997, 500, 499, 1, 700, 400, 3]);
  const before = await linesOf(executionId);
  const result = await compact();
  expect(await boundsOf(executionId)).toEqual([
    [1, 1000],
    [1001, 2000],
    [2001, 2700],
    [2701, 3103],
  ]);
  expect(result).toMatchObject({ pagesBefore: 8, pagesAfter: 3, timeUp: false });
  expect(await linesOf(executionId)).toEqual(before);
  const totals = { stdoutLines: 0, stderrLines: 0, systemLines: 0 };
  for (const page of await pagesOf(executionId)) {
    const { rawBytes, lineCounts } = await checkPage(Buffer.from(page.gzip), page.firstSeq, page.lastSeq);
    expect(page.rawBytes).toBe(rawBytes);
    expect([page.stdoutLines, page.stderrLines, page.systemLines]).toEqual([
      lineCounts.stdout,
      lineCounts.stderr,
      lineCounts.system,
    ]);
    for (const type of ['stdoutLines', 'stderrLines', 'systemLines'] as const) totals[type] += page[type];
  }
  expect(await hive.database.execution.findUnique({ where: { id: executionId } })).toMatchObject(totals);
});

test('pages of many bytes are joined by their size', async () => {
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, declaredLines: 6 });
  const long = (size: number): LogLine[] => [
    { output_type: 'stdout', content: 'x'.repeat(size), timestamp: '2026-01-01T10:00:00Z' },
  ];
  for (const size of [100_000, 100_000, 100_000, 300_000, 10, 10])
    await appendPage(hive.database, executionId, long(size));
  await compact();
  expect(await boundsOf(executionId)).toEqual([
    [1, 2],
    [3, 3],
    [4, 4],
    [5, 6],
  ]);
});

test('a log of many one-line pages takes one round, and is not looked at again', async () => {
  const { executionId } = await seedLog([1]);
  await hive.database.$executeRaw`
    INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
    SELECT execution_id, log_epoch, seq, seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip
    FROM log_page, generate_series(2, 9500) AS seq WHERE execution_id = ${executionId}::uuid`;
  await hive.database.$executeRaw`
    UPDATE execution SET stored_lines = 9500, declared_lines = 9500 WHERE id = ${executionId}::uuid`;
  expect(await compact()).toMatchObject({ executions: 1, pagesBefore: 9500, pagesAfter: 10 });
  expect(await listCompactionCandidates(hive.database, undefined, 10)).toEqual([]);
  expect(await compact()).toMatchObject({ executions: 0, pagesBefore: 0 });
});

test('executions of one page or none are finished by one statement; running ones are not', async () => {
  const [single, empty, small] = [await seedLog([10]), await seedLog([]), await seedLog([1, 1])];
  const running = await seedLog([1], 'running');
  const ids = [single, empty, small, running].map(({ executionId }) => executionId);
  const before = await versionsOf(ids);
  expect(await compact()).toMatchObject({ executions: 3, pagesBefore: 2, pagesAfter: 1 });
  expect(await listCompactionCandidates(hive.database, undefined, 10)).toEqual([]);
  const [ofSingle, ofEmpty, ofSmall, ofRunning] = await versionsOf(ids);
  expect(ofSingle).toBe(ofEmpty);
  expect(ofSingle).not.toBe(ofSmall);
  expect(ofRunning).toBe(before[3]);
});

test('a deadline that has passed is noticed even if there is nothing to join', async () => {
  const { executionId } = await seedLog([1]);
  const late = { database: hive.database, logger, until: performance.now() - 1 };
  expect(await compactLogs(late)).toMatchObject({ executions: 0, timeUp: true });
  expect(await listCompactionCandidates(hive.database, undefined, 10)).toMatchObject([{ executionId }]);
  await compact();
});

/** The transaction that last wrote each execution. */
async function versionsOf(ids: string[]): Promise<(string | undefined)[]> {
  const rows = await hive.database.$queryRaw<{ id: string; version: string }[]>`
    SELECT id, xmin::text AS version FROM execution WHERE id = ANY (${ids}::uuid[])`;
  return ids.map((id) => rows.find((row) => row.id === id)?.version);
}

test('an execution that is running or lacks lines waits', async () => {
  const running = await seedLog([1, 1], 'running');
  const lacking = await seedLog([1, 1]);
  await hive.database.execution.update({ where: { id: lacking.executionId }, data: { declaredLines: 3 } });
  await compact();
  expect(await boundsOf(running.executionId)).toHaveLength(2);
  expect(await boundsOf(lacking.executionId)).toHaveLength(2);
});

test('damaged pages are left as they are, and the others of the execution are joined', async () => {
  const { executionId } = await seedLog([1, 999, 1, 999]);
  await hive.database.$executeRaw`
    UPDATE log_page SET gzip = '\\x00'::bytea WHERE execution_id = ${executionId}::uuid AND first_seq = 2`;
  await compact();
  expect(await boundsOf(executionId)).toEqual([
    [1, 1],
    [2, 1000],
    [1001, 2000],
  ]);
  expect(logged.join()).toContain(executionId);
});

test('readers see every line once while a log is compacted under them', async () => {
  const { attemptId, executionId } = await seedLog(Array.from({ length: 400 }, (_, index) => 1 + (index % 17)));
  const expected = (await linesOf(executionId)).map((line) => line.content);
  let compacted = false;
  let reads = 0;
  async function readAll(query: string): Promise<string[]> {
    const contents: string[] = [];
    let cursor = '';
    for (;;) {
      const answer = await hive.get(`/v1/swarm/attempts/${attemptId}/logs?limit=150${query}${cursor}`);
      expect(answer.status).toBe(200);
      const page = answer.body as { entries: { content: string }[]; next_cursor: string | null; has_more: boolean };
      contents.push(...page.entries.map((entry) => entry.content));
      reads++;
      if (!page.has_more) return contents;
      cursor = `&cursor=${page.next_cursor ?? ''}`;
    }
  }
  const reader = async (query: string, order: string[]) => {
    do expect(await readAll(query)).toEqual(order);
    while (!compacted);
  };
  const readers = [reader('', expected), reader('&direction=backward', [...expected].reverse())];
  // in steps, so that the readers see every state
  while (!compacted) {
    let looks = 0;
    const step = new AbortController();
    // the third look at the clock is before the first page is joined, the fourth before the next one
    const alive = () => {
      if (++looks > 3) step.abort();
    };
    const compaction = { database: hive.database, logger, until: Infinity, signal: step.signal, alive };
    compacted = !(await compactLogs(compaction)).timeUp;
    await sleep(10);
  }
  await Promise.all(readers);
  expect(reads).toBeGreaterThan(40);
  expect((await boundsOf(executionId)).length).toBeLessThan(6);
});

test('a new epoch that comes during a compaction loses nothing and gets nothing of the old lines', async () => {
  for (let round = 0; round < 10; round++) {
    const { executionId } = await seedLog(Array.from({ length: 60 }, () => 3));
    const lines = makeLines('new', 4);
    const gzip = await encodePage(lines.map(encodeLine).join('\n'));
    const content = await checkPage(gzip, 1, 4);
    const page = { executionId, logEpoch: 1, firstSeq: 1, lastSeq: 4, gzip, content };
    let tellFound = (): void => undefined;
    const found = new Promise<void>((resolve) => (tellFound = resolve));
    let looks = 0;
    // before it lists, and when it has found the execution: one that it does not find, it would find with the new epoch
    const alive = () => {
      if (++looks === 2) tellFound();
    };
    const [, stored] = await Promise.all([
      compactLogs({ database: hive.database, logger, until: Infinity, alive }),
      (async () => {
        await found;
        await sleep(round);
        await hive.database.execution.update({ where: { id: executionId }, data: { logEpoch: 1, declaredLines: 4 } });
        return storePage(hive.database, { nodeId, fence: 1n }, page);
      })(),
    ]);
    expect(stored.stored).toBe(true);
    expect(await linesOf(executionId)).toEqual(lines);
    const [candidate] = await listCompactionCandidates(hive.database, undefined, 1);
    expect(candidate).toEqual({ executionId, epoch: 1 });
    await compact();
  }
});

test('two compactions of the same log, and pages stored meanwhile, end with every line once', async () => {
  const { executionId } = await seedLog(Array.from({ length: 200 }, () => 2));
  const before = await linesOf(executionId);
  let appending: Promise<void> | undefined;
  let looks = 0;
  // each checks the clock before it lists, and again when it has found the execution: one that lacks lines is not found
  const alive = () => void (++looks > 2 && (appending ??= appendLater(executionId)));
  const compaction = { database: hive.database, logger, until: Infinity, alive };
  const [one, other] = await Promise.all([compactLogs(compaction), compactLogs(compaction)]);
  await appending;
  expect(one.pagesAfter + other.pagesAfter).toBeGreaterThan(0);
  expect((await linesOf(executionId)).slice(0, before.length)).toEqual(before);
  await hive.database.execution.update({ where: { id: executionId }, data: { declaredLines: 410 } });
  await compact();
  const after = await linesOf(executionId);
  expect(after).toEqual([...before, ...makeLines('line', 10, 401)]);
});

async function appendLater(executionId: string): Promise<void> {
  await hive.database.execution.update({ where: { id: executionId }, data: { declaredLines: 410 } });
  const gzip = await encodePage(makeLines('line', 10, 401).map(encodeLine).join('\n'));
  const content = await checkPage(gzip, 401, 410);
  const page = { executionId, logEpoch: 0, firstSeq: 401, lastSeq: 410, gzip, content };
  expect(await storePage(hive.database, { nodeId, fence: 1n }, page)).toMatchObject({ stored: true });
}

test('looking for work uses an index that contains nothing but the work', async () => {
  await hive.database.$executeRaw`ANALYZE execution`;
  const [plan] = await hive.database.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL enable_seqscan = off`;
    return tx.$queryRaw<{ 'QUERY PLAN': unknown }[]>`
      EXPLAIN (FORMAT JSON) SELECT id FROM execution
      WHERE status <> 'running' AND compacted_epoch IS DISTINCT FROM stored_epoch
        AND stored_epoch = log_epoch AND stored_lines = declared_lines ORDER BY id LIMIT 100`;
  });
  expect(JSON.stringify(plan)).toContain('execution_compaction_idx');
});

test('storing a page stays a heap-only update', async () => {
  const { executionId } = await seedLog([1], 'running');
  const [before, after] = await hive.database.$transaction(async (tx) => {
    const count = async () => {
      const [row] = await tx.$queryRaw<{ hot: bigint }[]>`
        SELECT pg_stat_get_xact_tuples_hot_updated('execution'::regclass) AS hot`;
      return Number(row?.hot);
    };
    const hotBefore = await count();
    await tx.$executeRaw`UPDATE execution SET stored_lines = stored_lines + 1 WHERE id = ${executionId}::uuid`;
    return [hotBefore, await count()] as const;
  });
  expect(after - before).toBe(1);
});
