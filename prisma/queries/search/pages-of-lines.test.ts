import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestHive, type TestHive } from '../../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../../tests/harness/seed.js';
import { statementsOf, type ScopedStatements } from '../../organization-scope.js';
import { listPagesOfLines, readPagesOfLines, type LinesToRead } from './pages-of-lines.js';

let hive: TestHive;
let scope: ScopedStatements;
let executionId: string;
const LARGE = 1e9;

/** Pages of the lines 1-3, 4-6, … 28-30; those with an even number have a line on stderr. */
beforeAll(async () => {
  hive = await startTestHive();
  scope = statementsOf(hive.database, hive.own.id);
  const nodeId = await seedNode(hive.database, hive.own.id);
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId, state: 'complete' });
  executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, declaredLines: 30 });
  for (let page = 1; page <= 10; page++) {
    const lines = makeLines('x', 3).map((line, index) => ({
      ...line,
      output_type: page % 2 === 0 && index === 0 ? ('stderr' as const) : ('stdout' as const),
    }));
    await appendPage(hive.database, executionId, lines);
  }
});
afterAll(() => hive.close());

const range = (firstSeq: number, lastSeq: number) => ({ firstSeq, lastSeq });

async function read(lines: Partial<LinesToRead>) {
  const found = await readPagesOfLines(scope, {
    executionId,
    direction: 'forward',
    ranges: [],
    rawBytes: LARGE,
    ...lines,
  });
  const pages = found?.pages.map(({ firstSeq, gzip }) => (gzip ? firstSeq : -firstSeq));
  return { storedLines: found?.storedLines, pages, more: found?.more };
}

test('each page that has lines of the ranges is read once, in the direction', async () => {
  const ranges = [range(2, 4), range(6, 6), range(9, 9), range(29, 40)];
  expect(await read({ ranges })).toEqual({ storedLines: 30, pages: [1, 4, 7, 28], more: false });
  expect((await read({ ranges, direction: 'backward' })).pages).toEqual([28, 7, 4, 1]);
  expect((await read({ ranges: [range(5, 5), range(6, 6)] })).pages).toEqual([4]);
  expect(await read({ ranges: [range(31, 40)] })).toEqual({ storedLines: 30, pages: [], more: false });
});

test('one page is read at least, and it is said that there are more', async () => {
  expect(await read({ ranges: [range(2, 30)], rawBytes: 1 })).toEqual({ storedLines: 30, pages: [1], more: true });
  expect((await read({ ranges: [range(2, 30)], rawBytes: 1, direction: 'backward' })).pages).toEqual([28]);
});

test('of pages without a line of the type there is nothing to read, nor do they count', async () => {
  const ranges = [range(1, 15)];
  const ofType = await read({ ranges, outputType: 'stderr', rawBytes: 1 });
  expect(ofType).toEqual({ storedLines: 30, pages: [-1, 4], more: true });
  const listed = await listPagesOfLines(scope, {
    ...{ executionId, direction: 'forward', outputType: 'stderr', limit: 3 },
    ...range(5, 30),
  });
  expect(listed.map(({ firstSeq, rawBytes }) => [firstSeq, rawBytes > 0])).toEqual([
    [4, true],
    [7, false],
    [10, true],
  ]);
});

test('lines of a log that was replaced are those of the new one, and pages of no epoch are gone', async () => {
  const where = { id: executionId };
  const ranges = [range(1, 30)];
  await hive.database.logPage.updateMany({ where: { executionId, firstSeq: { lte: 4 } }, data: { logEpoch: 1 } });
  await hive.database.execution.update({ where, data: { logEpoch: 1, storedEpoch: 1, storedLines: 6 } });
  expect(await read({ ranges })).toEqual({ storedLines: 6, pages: [1, 4], more: false });
  await hive.database.execution.update({ where, data: { logEpoch: 2, storedEpoch: 2, storedLines: 0 } });
  expect(await read({ ranges })).toEqual({ storedLines: 0, pages: [], more: false });
});

test('another organisation has no such execution', async () => {
  const foreign = statementsOf(hive.database, hive.foreign.id);
  const lines = { direction: 'forward' as const, ranges: [range(1, 30)], rawBytes: LARGE };
  expect(await readPagesOfLines(foreign, { ...lines, executionId })).toBeUndefined();
  expect(await listPagesOfLines(foreign, { ...lines, executionId, ...range(1, 30), limit: 9 })).toEqual([]);
  expect(await readPagesOfLines(scope, { ...lines, executionId: randomUUID() })).toBeUndefined();
});
