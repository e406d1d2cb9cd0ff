import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase } from '../tests/harness/database.js';
import { openDatabase } from './client.js';
import { forOrganization, ScopeError, type OrganizationScope } from './organization-scope.js';
import { ensureOrganization } from './queries/organization.js';
import { Prisma, type Database } from './database.js';

let database: Database;
let drop: () => Promise<void>;
let own: OrganizationScope;
let foreign: OrganizationScope;
let foreignNode: string;

const node = { name: 'n', machineId: 'm', protocolVersion: 2, capabilities: {} };

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = () => created.drop();
  database = openDatabase(created.url, 3);
  own = forOrganization(database, (await ensureOrganization(database, 'own')).id);
  foreign = forOrganization(database, (await ensureOrganization(database, 'foreign')).id);
  const { id } = await database.node.create({ data: { ...node, organizationId: foreign.organizationId } });
  foreignNode = id;
});
afterAll(async () => {
  await database.$disconnect();
  await drop();
});

test('another organisation’s rows are not found, changed, counted or deleted', async () => {
  const where = { id: foreignNode };
  expect(await own.models.node.findUnique({ where })).toBeNull();
  expect(await own.models.node.findMany()).toEqual([]);
  expect(await own.models.node.findMany({ where: { organizationId: foreign.organizationId } })).toEqual([]);
  expect(await own.models.node.findMany({ where: { OR: [{ id: foreignNode }, { name: 'n' }] } })).toEqual([]);
  expect(await own.models.node.count()).toBe(0);
  expect(await own.models.node.updateMany({ data: { name: 'taken' } })).toEqual({ count: 0 });
  await expect(own.models.node.update({ where, data: { name: 'taken' } })).rejects.toThrow();
  await expect(own.models.node.delete({ where })).rejects.toThrow();
  expect(await own.models.node.deleteMany()).toEqual({ count: 0 });
  expect(await foreign.models.node.findUnique({ where })).toMatchObject({ name: 'n' });
});

test('a row is made in, and stays in, the organisation of the scope', async () => {
  const organizationId = foreign.organizationId;
  const { id } = await own.models.node.create({ data: { ...node, organizationId } });
  expect(await own.models.node.findUnique({ where: { id } })).toMatchObject({ organizationId: own.organizationId });
  await own.models.node.update({ where: { id }, data: { organizationId } });
  await own.models.node.createMany({ data: [{ ...node, organizationId }] });
  expect(await own.models.node.count()).toBe(2);
  expect(await foreign.models.node.count()).toBe(1);
});

test('other models, and SQL that names no organisation, are refused', async () => {
  const anyModel = own.models as unknown as Database;
  await expect(anyModel.logPage.findMany()).rejects.toThrow(ScopeError);
  await expect(anyModel.organization.findMany()).rejects.toThrow(ScopeError);
  await expect(own.query(Prisma.sql`SELECT * FROM node`)).rejects.toThrow(ScopeError);
  await expect(own.execute(Prisma.sql`DELETE FROM node WHERE id = ${foreignNode}::uuid`)).rejects.toThrow(ScopeError);
});
