import type { Queryable } from '../database.js';

/** The organisation that a hive's first start makes. */
export const DEFAULT_ORGANIZATION = 'default';

export interface OrganizationRow {
  id: string;
  name: string;
  createdAt: Date;
}

/** Makes the organisation `default` unless it is there; several hives may start at once. */
export async function ensureDefaultOrganization(db: Queryable): Promise<OrganizationRow> {
  return ensureOrganization(db, DEFAULT_ORGANIZATION);
}

export async function ensureOrganization(db: Queryable, name: string): Promise<OrganizationRow> {
  await db.organization.createMany({ data: [{ name }], skipDuplicates: true });
  return db.organization.findUniqueOrThrow({ where: { name } });
}

/** Undefined when the name is taken. */
export async function createOrganization(db: Queryable, name: string): Promise<OrganizationRow | undefined> {
  const [created] = await db.organization.createManyAndReturn({ data: [{ name }], skipDuplicates: true });
  return created;
}

export async function listOrganizations(db: Queryable): Promise<OrganizationRow[]> {
  return db.organization.findMany({ orderBy: { name: 'asc' } });
}
