import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { openDatabase } from '../../prisma/client.js';
import type { Database } from '../../prisma/database.js';
import { forOrganization } from '../../prisma/organization-scope.js';
import { ensureOrganization } from '../../prisma/queries/organization.js';
import { createTestDatabase, type TestDatabase } from '../../tests/harness/database.js';
import { seedAttempt, seedNode } from '../../tests/harness/seed.js';
import { WaitingReads } from './waiting-reads.js';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
});

afterAll(async () => {
  await database.$disconnect();
  await testDatabase.drop();
});

test('a read waits as long as it was told to, even if the clock is set back an hour meanwhile', async () => {
  const { id: organizationId } = await ensureOrganization(database, 'default');
  const nodeId = await seedNode(database, organizationId);
  const attemptId = await seedAttempt(database, { organizationId, nodeId, state: 'pending_backfill' });
  const now = Date.now.bind(Date);
  const clock = jest.spyOn(Date, 'now');
  try {
    const begun = performance.now();
    const waiting = new WaitingReads(1).wait(forOrganization(database, organizationId), attemptId, {
      seconds: 1,
      joined: false,
      signal: AbortSignal.timeout(60_000),
    });
    clock.mockImplementation(() => now() - 3_600_000);
    await waiting;
    expect(performance.now() - begun).toBeGreaterThan(900);
    expect(performance.now() - begun).toBeLessThan(50_000);
  } finally {
    clock.mockRestore();
  }
});
