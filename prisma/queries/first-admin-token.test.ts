import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../../tests/harness/database.js';
import { openDatabase } from '../client.js';
import type { Database } from '../database.js';
import { authenticate } from './authenticate.js';
import { createFirstAdminToken } from './first-admin-token.js';
import { createOrganization, ensureDefaultOrganization, findOrganizationId } from './organization.js';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url, 5);
});
afterAll(async () => {
  await database.$disconnect();
  await testDatabase.drop();
});

test('of several hives that start for the first time, one makes the organisation and its token', async () => {
  const secrets = await Promise.all(Array.from({ length: 5 }, () => createFirstAdminToken(database)));
  const [secret, ...others] = secrets.filter((made) => made !== undefined);
  expect(others).toEqual([]);
  const { id } = await ensureDefaultOrganization(database);
  expect(await authenticate(database, secret ?? '')).toMatchObject({ organizationId: id, role: 'admin' });
  expect(await createFirstAdminToken(database)).toBeUndefined();
  expect(await database.organization.count()).toBe(1);
});

test('an organisation is found by its id, then by its name, which it alone can have', async () => {
  const { id } = await ensureDefaultOrganization(database);
  const impostor = await createOrganization(database, id);
  expect(await createOrganization(database, id)).toBeUndefined();
  expect(await findOrganizationId(database, id)).toBe(id);
  expect(await findOrganizationId(database, impostor?.id ?? '')).toBe(impostor?.id);
  expect(await findOrganizationId(database, 'default')).toBe(id);
  expect(await findOrganizationId(database, 'nobody')).toBeUndefined();
});
