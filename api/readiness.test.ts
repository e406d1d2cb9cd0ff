/** What clients and load balancers are told while the database takes no writes, and while the hive stops. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import request from 'supertest';
import { Prisma } from '../prisma/database.js';
import { startTestHive, type TestHive } from '../tests/harness/http-api.js';
import { seedAttempt, seedExecution, seedNode } from '../tests/harness/seed.js';
import { until } from '../tests/harness/until.js';

const [leaving, stopping] = [new AbortController(), new AbortController()];
let hive: TestHive;
beforeEach(async () => {
  hive = await startTestHive({
    health: () => ({ temporal: false, workers: true, reason: 'Temporal refuses the key' }),
    leaving: leaving.signal,
    stopping: stopping.signal,
  });
});
afterEach(() => hive.close());

const ready = async () => {
  const response = await request(hive.app).get('/readyz');
  return { status: response.status, ...(response.body as { database: string; reasons: Record<string, string> }) };
};
/** A database that is busy, and a connection that is still being ended, can be the reason for a moment. */
async function readyOnce(database: 'ok' | RegExp) {
  let answer: Awaited<ReturnType<typeof ready>> | undefined;
  await until(async () => {
    answer = await ready();
    return database === 'ok' ? answer.database === 'ok' : database.test(answer.reasons['database'] ?? '');
  });
  return answer;
}
const createKey = () =>
  request(hive.app)
    .post('/v1/nodes/api-keys')
    .set('authorization', `Bearer ${hive.own.admin}`)
    .send({ name: 'machine' });

async function setOfDatabase(setting: string): Promise<void> {
  const [row] = await hive.database.$queryRaw<[{ name: string }]>`SELECT current_database() AS name`;
  await hive.database.$executeRaw(Prisma.raw(`ALTER DATABASE ${row.name} SET ${setting}`));
  await hive.database.$queryRaw`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`;
  await hive.database.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`.catch(() => undefined);
}

test('a hive that is well says so, with the reason why a part is degraded', async () => {
  expect(await readyOnce('ok')).toEqual({
    status: 200,
    database: 'ok',
    temporal: 'degraded',
    workers: 'ok',
    reasons: { temporal: 'Temporal refuses the key' },
  });
});

test('with a read-only database: not ready, with the reason, and a write is 503 with Retry-After', async () => {
  expect((await readyOnce('ok'))?.status).toBe(200);
  await setOfDatabase('default_transaction_read_only = on');
  const answer = await readyOnce(/^the database is read-only \(25006\)$/);
  expect(answer).toMatchObject({ status: 503, database: 'degraded' });
  const response = await createKey();
  expect(response.body).toMatchObject({ status: 503, code: 'database_unavailable' });
  expect(response.headers['retry-after']).toBe('2');
});

test('with a database that can write no more files: not ready, with the reason', async () => {
  await setOfDatabase('temp_file_limit = 0');
  expect(await readyOnce(/^the database is out of resources \(53400\)$/)).toMatchObject({ status: 503 });
});

test('without one of its tables: not ready, and what needs it is 503', async () => {
  await hive.database.$executeRaw`ALTER TABLE node_api_key RENAME TO node_api_key_gone`;
  await readyOnce(/lacks a table .* `hive migrate` \(42P01\)/);
  expect((await createKey()).body).toMatchObject({ status: 503, code: 'database_unavailable' });
});

test('a stopping hive ends the reads that wait, and one that is going to stop is not ready but answers', async () => {
  const nodeId = await seedNode(hive.database, hive.own.id);
  const attemptId = await seedAttempt(hive.database, {
    organizationId: hive.own.id,
    nodeId,
    state: 'pending_backfill',
  });
  await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, declaredLines: 3 });
  leaving.abort();
  expect(await readyOnce('ok')).toMatchObject({ status: 503, reasons: { hive: 'stopping' } });
  const begun = performance.now();
  setTimeout(() => stopping.abort(), 300);
  const response = await hive.get(`/v1/nodes/task-attempts/${attemptId}?wait=30`);
  expect(response.status).toBe(200);
  expect(performance.now() - begun).toBeLessThan(29_000);
  expect(performance.now() - begun).toBeGreaterThan(250);
});
