import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { countFilterBacklog } from '../prisma/queries/search/filter-backlog.js';
import { findCandidates, type SearchedRange } from '../prisma/queries/search/find-pages.js';
import { forOrganization } from '../prisma/organization-scope.js';
import type { LogLine } from '../protocol/page.js';
import { probesOf } from '../search/probes.js';
import { requiredWords } from '../search/words.js';
import { startTestHive, type TestHive } from '../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../tests/harness/seed.js';
import { compactLogs } from './compact-logs.js';
import { indexLogs } from './index-logs.js';

let hive: TestHive;
let nodeId: string;
beforeAll(async () => {
  hive = await startTestHive();
  nodeId = await seedNode(hive.database, hive.own.id);
});
afterAll(() => hive.close());

let logged: string[];
beforeEach(async () => {
  logged = [];
  await hive.database.$executeRaw`DELETE FROM attempt`;
});
const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) });
const compact = () => compactLogs({ database: hive.database, logger, until: Infinity });
const index = () => indexLogs({ database: hive.database, logger, until: Infinity });

async function seedLog(pages: LogLine[][], status: 'completed' | 'running' = 'completed', missing = 0) {
  const declaredLines = pages.reduce((sum, { length }) => sum + length, missing);
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, status, declaredLines });
  for (const lines of pages) await appendPage(hive.database, executionId, lines);
  return executionId;
}

/** The first lines of the pages that a search for the words would open. */
async function candidatesOf(query: string, organizationId = hive.own.id) {
  const probes = probesOf(requiredWords(query, { isWhole: true }));
  const range: SearchedRange = { filter: {}, before: undefined, limit: 1000, probes };
  const { pages, logs } = await findCandidates(forOrganization(hive.database, organizationId), range);
  return { pages, found: logs.map((log) => [log.executionId, ...log.pages.map(({ firstSeq }) => firstSeq)]) };
}

const filtersOf = (executionId: string) =>
  hive.database.$queryRaw<{ firstSeq: number; bits: boolean }[]>`
    SELECT first_seq AS "firstSeq", bits IS NOT NULL AS bits FROM page_filter
    WHERE execution_id = ${executionId}::uuid ORDER BY first_seq`;

const full = (word: string, firstSeq: number) => makeLines(word, 1000, firstSeq);

test('what is compacted gets filters, and a search opens no page that does not have its words', async () => {
  const first = await seedLog([full('apple', 1), full('pear', 1001)]);
  const second = await seedLog([makeLines('plum', 3)]);
  await compact();
  expect(await countFilterBacklog(hive.database)).toBe(2);
  expect(await candidatesOf('pear')).toEqual({
    pages: 3,
    found: [
      [second, 1],
      [first, 1, 1001],
    ],
  });
  expect(await index()).toEqual({ executions: 2, pages: 3, unfiltered: 0, timeUp: false });
  expect(await countFilterBacklog(hive.database)).toBe(0);
  expect(await candidatesOf('PEAR')).toEqual({ pages: 3, found: [[first, 1001]] });
  expect(await candidatesOf('plum 2')).toEqual({ pages: 3, found: [[second, 1]] });
  expect(await candidatesOf('cherry')).toEqual({ pages: 3, found: [] });
  expect(await candidatesOf('pear', hive.foreign.id)).toEqual({ pages: 0, found: [] });
});

test('pages of a running execution, and those that come later, are opened', async () => {
  const running = await seedLog([full('apple', 1)], 'running');
  const ended = await seedLog([full('apple', 1)]);
  await compact();
  await index();
  await appendPage(hive.database, ended, makeLines('apple', 2, 1001));
  expect(await candidatesOf('pear')).toEqual({
    pages: 3,
    found: [
      [ended, 1001],
      [running, 1],
    ],
  });
});

test('an execution that never gets its last lines is indexed when it has been quiet for an hour', async () => {
  const executionId = await seedLog([full('apple', 1), full('pear', 1001)], 'completed', 7);
  await compact();
  expect(await index()).toMatchObject({ executions: 0 });
  await hive.database.$executeRaw`UPDATE log_page SET stored_at = now() - interval '61 minutes'`;
  expect(await index()).toMatchObject({ executions: 1, pages: 2 });
  expect(await index()).toMatchObject({ executions: 0 });
  expect((await candidatesOf('pear')).found).toEqual([[executionId, 1001]]);
});

test('a damaged page is told of, and opened by every search', async () => {
  const executionId = await seedLog([full('apple', 1), full('pear', 1001)]);
  await hive.database.$executeRaw`UPDATE log_page SET gzip = '\\x00' WHERE first_seq = 1`;
  await compact();
  expect(await index()).toMatchObject({ executions: 1, pages: 2, unfiltered: 1 });
  expect(logged.join()).toContain(executionId);
  expect((await candidatesOf('cherry')).found).toEqual([[executionId, 1]]);
  expect(await index()).toMatchObject({ executions: 0, pages: 0 });
});

test('filters go with their pages, and pages that are compacted again get new ones', async () => {
  const executionId = await seedLog([full('apple', 1), makeLines('pear', 5, 1001)]);
  await compact();
  await index();
  await hive.database.$executeRaw`
    UPDATE log_page SET log_epoch = -1 WHERE execution_id = ${executionId}::uuid AND first_seq > 1`;
  await hive.database.execution.update({
    where: { id: executionId },
    data: { storedLines: 1000, compactedEpoch: null },
  });
  await appendPage(hive.database, executionId, makeLines('plum', 5, 1001));
  expect((await candidatesOf('cherry')).found).toEqual([[executionId, 1001]]);
  await compact();
  expect(await index()).toMatchObject({ executions: 1, pages: 1 });
  expect((await candidatesOf('cherry')).found).toEqual([]);
  expect((await candidatesOf('plum')).found).toEqual([[executionId, 1001]]);
  await hive.database.$executeRaw`DELETE FROM attempt`;
  expect(await filtersOf(executionId)).toEqual([]);
});

test('a round whose time is up goes on the next time', async () => {
  const executionId = await seedLog([full('apple', 1), full('pear', 1001)]);
  await compact();
  const late = { database: hive.database, logger, until: performance.now() - 1 };
  expect(await indexLogs(late)).toMatchObject({ executions: 0, timeUp: true });
  expect(await countFilterBacklog(hive.database)).toBe(1);
  await index();
  expect(await filtersOf(executionId)).toHaveLength(2);
});

test('two rounds at once, and pages that vanish under them, do no harm', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, (_, at) => seedLog([full(`fruit${at}`, 1)])));
  await compact();
  const removing = hive.database.$executeRaw`DELETE FROM execution WHERE id = ${ids[7]}::uuid`;
  await Promise.all([index(), index(), removing]);
  expect(await countFilterBacklog(hive.database)).toBe(0);
  expect((await candidatesOf('fruit3')).found).toEqual([[ids[3], 1]]);
});

test('storing a page neither waits for the index nor makes work for it', async () => {
  const executionId = await seedLog([full('apple', 1)], 'running');
  await appendPage(hive.database, executionId, makeLines('pear', 3, 1001));
  expect(await countFilterBacklog(hive.database)).toBe(0);
});
