import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Prisma } from '../../prisma/database.js';
import { storePage } from '../../prisma/queries/store-page.js';
import { checkPage, encodeLine, encodePage } from '../../protocol/page.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { examineHive } from './doctor.js';
import { describeFinding, type Finding } from './finding.js';

let hive: TestHive;
let nodeId: string;
beforeEach(async () => {
  hive = await startTestHive();
  nodeId = await seedNode(hive.database, hive.own.id);
});
afterEach(() => hive.close());

/** A complete attempt of one execution with pages of 10 lines. */
async function seedComplete(pages: number, status: 'completed' | 'running' = 'completed') {
  const attemptId = await seedAttempt(hive.database, {
    organizationId: hive.own.id,
    nodeId,
    state: status === 'running' ? 'partial' : 'complete',
  });
  await hive.database.$executeRaw`UPDATE attempt SET described_revision = revision WHERE id = ${attemptId}::uuid`;
  const executionId = await seedExecution(hive.database, {
    attemptId,
    nodeId,
    ordinal: 1,
    status,
    declaredLines: pages * 10,
  });
  for (let page = 0; page < pages; page++)
    await appendPage(hive.database, executionId, makeLines('line', 10, page * 10 + 1));
  return { attemptId, executionId };
}

async function doctor(options: { attemptId?: string; dryRun?: boolean } = {}) {
  const findings: Finding[] = [];
  const summary = await examineHive(hive.database, {
    dryRun: false,
    ...options,
    onFinding: (finding) => findings.push(finding),
  });
  return { findings, summary };
}

const execution = (id: string) => hive.database.execution.findUniqueOrThrow({ where: { id } });
const sync = (attemptId: string) => hive.database.attemptSync.findUniqueOrThrow({ where: { attemptId } });
const pageAt = (executionId: string, firstSeq: number) =>
  Prisma.sql`execution_id = ${executionId}::uuid AND first_seq = ${firstSeq}`;
const execute = (statement: Prisma.Sql) => hive.database.$executeRaw(statement);

test('a hive whose logs are sound is left as it is', async () => {
  const { executionId } = await seedComplete(7);
  await seedComplete(3, 'running');
  const before = await execution(executionId);
  expect(await doctor()).toEqual({
    findings: [],
    summary: { attempts: 2, executions: 2, pages: 10, lines: 100, findings: 0, repaired: 0, absentNodes: 0 },
  });
  await hive.database.nodeLease.deleteMany({});
  expect((await doctor()).summary.absentNodes).toBe(await hive.database.node.count());
  expect(await execution(executionId)).toEqual(before);
});

interface Damage {
  name: string;
  damage: (executionId: string) => Prisma.Sql;
  finding: Partial<Finding>;
  storedLines: number;
}
const damages: Damage[] = [
  {
    name: 'a page whose gzip bytes are cut',
    damage: (id) => Prisma.sql`UPDATE log_page SET gzip = substr(gzip, 1, 40) WHERE ${pageAt(id, 31)}`,
    finding: { code: 'page_damaged', firstSeq: 31, lastSeq: 40, nodeMayHavePruned: true },
    storedLines: 30,
  },
  {
    name: 'a page with one bit flipped',
    damage: (id) =>
      Prisma.sql`UPDATE log_page SET gzip = set_bit(gzip, 300, 1 - get_bit(gzip, 300)) WHERE ${pageAt(id, 31)}`,
    finding: { code: 'page_damaged', firstSeq: 31, lastSeq: 40 },
    storedLines: 30,
  },
  {
    name: 'a page that contains fewer lines than it says',
    damage: (id) => Prisma.sql`UPDATE log_page SET last_seq = 71 WHERE ${pageAt(id, 61)}`,
    finding: { code: 'pages_beyond_mark', firstSeq: 61, lastSeq: 71 },
    storedLines: 60,
  },
  {
    name: 'a page that is gone',
    damage: (id) => Prisma.sql`DELETE FROM log_page WHERE ${pageAt(id, 1)}`,
    finding: { code: 'pages_missing', firstSeq: 1, lastSeq: 10 },
    storedLines: 0,
  },
  {
    name: 'the last page gone',
    damage: (id) => Prisma.sql`DELETE FROM log_page WHERE ${pageAt(id, 61)}`,
    finding: { code: 'pages_missing', firstSeq: 61, lastSeq: 70 },
    storedLines: 60,
  },
  {
    name: 'pages that overlap',
    damage: (id) => Prisma.sql`UPDATE log_page SET first_seq = 38, last_seq = 47 WHERE ${pageAt(id, 41)}`,
    finding: { code: 'pages_overlap', firstSeq: 38, lastSeq: 47 },
    storedLines: 40,
  },
];

test.each(damages)('$name: the log goes back to the line before it and waits for a backfill', async (damage) => {
  const { attemptId, executionId } = await seedComplete(7);
  await seedComplete(2);
  await execute(damage.damage(executionId));

  const dry = await doctor({ dryRun: true });
  expect(dry.findings).toEqual([expect.objectContaining({ ...damage.finding, outcome: 'would_repair', executionId })]);
  expect(await execution(executionId)).toMatchObject({ storedLines: 70 });
  expect(await sync(attemptId)).toMatchObject({ state: 'complete' });

  const { findings, summary } = await doctor();
  expect(findings).toEqual([
    expect.objectContaining({ ...damage.finding, outcome: 'repaired', soundLines: damage.storedLines }),
  ]);
  expect(summary).toMatchObject({ findings: 1, repaired: 1 });
  const lines = makeLines('line', 10).concat(...Array.from({ length: 6 }, () => makeLines('line', 10)));
  const stderr = lines.slice(0, damage.storedLines).filter((line) => line.output_type === 'stderr').length;
  expect(await execution(executionId)).toMatchObject({
    storedLines: damage.storedLines,
    stderrLines: stderr,
    stdoutLines: damage.storedLines - stderr,
  });
  expect(await sync(attemptId)).toMatchObject({ state: 'partial', needsBackfill: true, retryAt: null });

  const again = await doctor();
  const kept = await hive.database.logPage.count({ where: { executionId, logEpoch: { lt: 0 } } });
  expect(again.findings).toEqual(
    kept === 0 ? [] : [expect.objectContaining({ code: 'not_healed', reason: 'waits_for_backfill', pages: kept })],
  );
});

test('once the lines are back, the kept pages are removed and nothing is found', async () => {
  const { attemptId, executionId } = await seedComplete(7);
  await execute(Prisma.sql`UPDATE log_page SET gzip = '\\x00' WHERE ${pageAt(executionId, 31)}`);
  await doctor();
  const lines = makeLines('line', 40, 31);
  const gzip = await encodePage(lines.map(encodeLine).join('\n'));
  const content = await checkPage(gzip, 31, 70);
  const page = { executionId, logEpoch: 0, firstSeq: 31, lastSeq: 70, gzip, content };
  expect(await storePage(hive.database, { nodeId, fence: 1n }, page)).toMatchObject({ stored: true });
  expect(await doctor({ dryRun: true })).toMatchObject({ findings: [{ code: 'state_wrong' }] });
  await doctor();
  expect(await sync(attemptId)).toMatchObject({ state: 'complete', needsBackfill: false });
  expect((await doctor()).findings).toEqual([]);
  expect(await hive.database.logPage.count({ where: { executionId } })).toBe(4);
});

test('a damaged log that is still running gets a gap, which its node or a backfill closes', async () => {
  const { attemptId, executionId } = await seedComplete(3, 'running');
  await execute(Prisma.sql`UPDATE log_page SET gzip = '\\x00' WHERE ${pageAt(executionId, 11)}`);
  await doctor();
  expect(await execution(executionId)).toMatchObject({ storedLines: 10, hasGap: true });
  expect(await sync(attemptId)).toMatchObject({ state: 'partial', needsBackfill: true });
});

test('wrong counts are corrected, pages of other epochs are removed, and no line is pulled again', async () => {
  const { attemptId, executionId } = await seedComplete(3);
  const before = await execution(executionId);
  await execute(Prisma.sql`UPDATE log_page SET stderr_lines = 7, raw_bytes = 1 WHERE ${pageAt(executionId, 11)}`);
  await execute(Prisma.sql`UPDATE execution SET system_lines = 5 WHERE id = ${executionId}::uuid`);
  await execute(Prisma.sql`
    INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
    SELECT execution_id, 9, first_seq, last_seq, 0, 0, 0, 0, gzip FROM log_page WHERE ${pageAt(executionId, 1)}`);
  const { findings } = await doctor();
  expect(findings.map(({ code, outcome, pages }) => [code, outcome, pages])).toEqual([
    ['execution_miscounted', 'repaired', undefined],
    ['pages_miscounted', 'repaired', 1],
    ['orphan_pages', 'repaired', 1],
  ]);
  expect(await execution(executionId)).toEqual(before);
  expect(await sync(attemptId)).toMatchObject({ state: 'complete' });
  expect((await doctor()).findings).toEqual([]);
});

test('a log that no node can send again stays as it is, and doctor says why', async () => {
  const { attemptId, executionId } = await seedComplete(3);
  await execute(Prisma.sql`UPDATE log_page SET gzip = '\\x00' WHERE ${pageAt(executionId, 11)}`);
  await execute(Prisma.sql`
    UPDATE attempt_sync SET state = 'unavailable', unavailable_reason = 'not_found' WHERE attempt_id = ${attemptId}::uuid`);
  await execute(Prisma.sql`UPDATE execution SET declared_lines = 31 WHERE id = ${executionId}::uuid`);
  const { findings } = await doctor();
  expect(findings).toMatchObject([{ outcome: 'not_repaired', reason: 'attempt_unavailable' }]);
  expect(findings.map(describeFinding).join()).toContain('it cannot heal');
  expect(await execution(executionId)).toMatchObject({ storedLines: 30 });
  expect(await hive.database.logPage.count({ where: { executionId, logEpoch: 0 } })).toBe(3);
});

test('a state that does not match its lines is computed again', async () => {
  const { attemptId, executionId } = await seedComplete(2);
  await execute(Prisma.sql`UPDATE execution SET declared_lines = 25 WHERE id = ${executionId}::uuid`);
  expect((await doctor({ attemptId })).findings).toEqual([{ attemptId, code: 'state_wrong', outcome: 'repaired' }]);
  expect(await sync(attemptId)).toMatchObject({ state: 'partial', needsBackfill: true });
});

test('only the requested attempt is examined', async () => {
  const { executionId } = await seedComplete(2);
  const { attemptId } = await seedComplete(1);
  await execute(Prisma.sql`DELETE FROM log_page WHERE ${pageAt(executionId, 1)}`);
  expect(await doctor({ attemptId })).toMatchObject({ findings: [], summary: { executions: 1 } });
});

test('logs that grow and are compacted while they are examined are not a finding', async () => {
  const { executionId } = await seedComplete(40, 'running');
  const examined = new AbortController();
  const growth = (async () => {
    for (let seq = 401; !examined.signal.aborted; seq += 10)
      await appendPage(hive.database, executionId, makeLines('line', 10, seq));
  })();
  for (let run = 0; run < 5; run++) expect((await doctor()).findings).toEqual([]);
  examined.abort();
  await growth;
});
