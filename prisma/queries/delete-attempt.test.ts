import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../tests/harness/database.js';
import { makeLines, appendPage, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { until } from '../../tests/harness/until.js';
import type { AttemptSync } from '../../protocol/frames.js';
import { encodePage, checkPage } from '../../protocol/page.js';
import { openDatabase } from '../client.js';
import type { Database } from '../database.js';
import { deleteAttempt, removeDeleted } from './delete-attempt.js';
import { ensureOrganization } from './organization.js';
import { storeDescription, storeMetadata } from './store-metadata.js';
import { storePage } from './store-page.js';

let created: TestDatabase;
let database: Database;
let other: pg.Client;
let organizationId: string;
let nodeId: string;
let attemptId: string;
let executionId: string;

beforeAll(async () => {
  created = await createTestDatabase();
  database = openDatabase(created.url, 4);
  organizationId = (await ensureOrganization(database, 'own')).id;
  nodeId = await seedNode(database, organizationId);
  other = new pg.Client({ connectionString: created.url });
  await other.connect();
});
afterAll(async () => {
  await other.end();
  await database.$disconnect();
  await created.drop();
});

beforeEach(async () => {
  attemptId = await seedAttempt(database, { organizationId, nodeId, metadata: { title: 'a secret' } });
  executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1, status: 'running', declaredLines: 10 });
  await appendPage(database, executionId, makeLines('a secret', 10));
});

const scope = () => ({ organizationId });
const session = () => ({ nodeId, fence: 1n, organizationId });
const remove = () => deleteAttempt(database, scope(), attemptId, null);
const nobodyStops = () => false;
const announcement = (): AttemptSync => ({
  attempt_id: attemptId,
  revision: 7,
  execution_count: 1,
  title: 'back again',
  executor: 'SHELL',
  branch: 'main',
  target_branch: 'main',
  worktree_deleted: false,
  created_at: '2026-01-01T10:00:00Z',
  updated_at: '2026-01-01T10:00:01Z',
});
const rows = async () => ({
  attempts: await database.attempt.count({ where: { id: attemptId } }),
  executions: await database.execution.count({ where: { id: executionId } }),
  pages: await database.logPage.count({ where: { executionId } }),
});
async function nextPage() {
  const gzip = await encodePage(`{"output_type":"stdout","content":"late","timestamp":"2026-01-01T10:00:00Z"}`);
  return { executionId, logEpoch: 0, firstSeq: 11, lastSeq: 11, gzip, content: await checkPage(gzip, 11, 11) };
}

test('a deleted attempt is gone at once with all descriptions; its pages go in steps, and nothing of others', async () => {
  const sibling = await seedAttempt(database, { organizationId, nodeId });
  const kept = await seedExecution(database, { attemptId: sibling, nodeId, ordinal: 1 });
  await appendPage(database, kept, makeLines('kept', 3));
  expect(await remove()).toEqual({ isNew: true, nodeId });
  expect(await rows()).toEqual({ attempts: 0, executions: 1, pages: 1 });
  expect(await database.execution.findUnique({ where: { id: executionId } })).toMatchObject({
    ...{ attemptId: null, command: null, metadata: {} },
  });
  expect(await removeDeleted(database, nobodyStops)).toBe(1);
  expect(await rows()).toEqual({ attempts: 0, executions: 0, pages: 0 });
  expect(await database.logPage.count({ where: { executionId: kept } })).toBe(1);
});

test('deleting twice is no fault; another organisation’s attempt is unknown, deleted or not', async () => {
  const foreign = { organizationId: (await ensureOrganization(database, 'foreign')).id };
  expect(await deleteAttempt(database, foreign, attemptId, null)).toBeUndefined();
  expect((await remove())?.isNew).toBe(true);
  expect((await remove())?.isNew).toBe(false);
  expect(await deleteAttempt(database, foreign, attemptId, null)).toBeUndefined();
  expect(await deleteAttempt(database, scope(), randomUUID(), null)).toBeUndefined();
});

test('neither an announcement nor a description nor an insert of another hive brings it back', async () => {
  await remove();
  expect(await storeMetadata(database, session(), { attempts: [announcement()], executions: [] })).toMatchObject({
    attempts: [],
  });
  const described = { attempt: announcement(), executions: [], last: true };
  expect(await storeDescription(database, session(), described, { part: 0, revision: 7n })).toMatchObject({
    syncs: [],
  });
  await other.query(
    `INSERT INTO attempt (id, organization_id, node_id, revision, execution_count, executor, created_at, metadata)
     VALUES ($1, $2, $3, 9, 0, 'SHELL', now(), '{}')`,
    [attemptId, organizationId, nodeId],
  );
  expect((await rows()).attempts).toBe(0);
});

test('an announcement that waits for the deletion does not bring it back', async () => {
  await other.query('BEGIN');
  await other.query('SELECT FROM attempt WHERE id = $1 FOR UPDATE', [attemptId]);
  // the deletion is first in the line for the row, the description second
  const deleted = remove();
  await untilWaiting(1);
  const described = { attempt: announcement(), executions: [], last: true };
  const stored = storeDescription(database, session(), described, { part: 0, revision: 7n });
  await untilWaiting(2);
  await other.query('COMMIT');
  expect((await deleted)?.isNew).toBe(true);
  expect((await stored).syncs).toEqual([]);
  expect((await rows()).attempts).toBe(0);
});

test('a page that is being stored at that moment goes as well, and one that comes later is refused', async () => {
  const page = await nextPage();
  await other.query('BEGIN');
  await other.query('SELECT FROM execution WHERE id = $1 FOR UPDATE', [executionId]);
  const storing = storePage(database, session(), page);
  await untilWaiting(1);
  const deleting = remove();
  await untilWaiting(2);
  await other.query('COMMIT');
  await Promise.all([storing, deleting]);
  expect(await storePage(database, session(), { ...page, firstSeq: 12, lastSeq: 12 })).toMatchObject({
    ...{ stored: false, code: 'unknown_execution' },
  });
  await removeDeleted(database, nobodyStops);
  expect(await rows()).toEqual({ attempts: 0, executions: 0, pages: 0 });
});

test('a thousand pages are removed in steps, which another process may finish', async () => {
  await other.query(
    `INSERT INTO log_page SELECT $1, 0, 10 + 1000 * n + 1, 10 + 1000 * (n + 1), 1000, 0, 0, 1, '\\x00' FROM generate_series(0, 1199) n`,
    [executionId],
  );
  await remove();
  expect((await rows()).pages).toBe(1201); // the deletion itself removes none
  let steps = 0;
  await removeDeleted(database, () => ++steps > 1); // the process dies after the first
  expect((await rows()).pages).toBe(701);
  expect(await removeDeleted(database, nobodyStops)).toBe(701);
  expect(await rows()).toEqual({ attempts: 0, executions: 0, pages: 0 });
});

function untilWaiting(count: number): Promise<void> {
  return until(async () => {
    const [row] = await database.$queryRaw<{ waiting: number }[]>`
      SELECT count(*)::int AS waiting FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    return row?.waiting === count;
  });
}
