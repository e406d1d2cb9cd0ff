import { isUuid } from '../../protocol/uuid.js';
import { Prisma, type Database, type Models, type Queryable } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import { createApiToken, type ApiTokenRow } from './api-token.js';

/** The organisation that a hive makes on its first start. */
export const DEFAULT_ORGANIZATION = 'default';

export interface OrganizationRow {
  id: string;
  name: string;
  createdAt: Date;
}

/** Makes the organisation `default` unless it exists; several hives may start at once. */
export async function ensureDefaultOrganization(db: Queryable): Promise<OrganizationRow> {
  return ensureOrganization(db, DEFAULT_ORGANIZATION);
}

export async function ensureOrganization(db: Queryable, name: string): Promise<OrganizationRow> {
  const created = await createOrganization(db, name);
  if (created) return created;
  const [found] = await db.$queryRaw<OrganizationRow[]>`
    SELECT id, name, created_at AS "createdAt" FROM organization WHERE name = ${name}`;
  if (!found) throw new Error(`organisation ${name} was removed while it was looked up`);
  return found;
}

/** @returns the new organisation; undefined if the name is taken */
export async function createOrganization(db: Queryable, name: string): Promise<OrganizationRow | undefined> {
  const [created] = await db.$queryRaw<OrganizationRow[]>`
    INSERT INTO organization (id, name) VALUES (gen_random_uuid(), ${name}) ON CONFLICT (name) DO NOTHING
    RETURNING id, name, created_at AS "createdAt"`;
  return created;
}

/**
 * Makes an organisation that somebody can use at once.
 * @returns undefined if the name is taken
 */
export function createOrganizationWithAdmin(
  db: Database,
  { name, createdBy }: { name: string; createdBy?: string },
): Promise<{ organization: OrganizationRow; token: ApiTokenRow; secret: string } | undefined> {
  return db.$transaction(async (tx) => {
    const organization = await createOrganization(tx, name);
    if (!organization) return undefined;
    const first = { organizationId: organization.id, name: 'first admin', role: 'admin' as const };
    return { organization, ...(await createApiToken(tx, { ...first, ...(createdBy !== undefined && { createdBy }) })) };
  });
}

/** @returns undefined if the organisation is gone */
export async function findOwnOrganization(scope: OrganizationScope): Promise<OrganizationRow | undefined> {
  const [own] = await scope.query<OrganizationRow>(Prisma.sql`
    SELECT id, name, created_at AS "createdAt" FROM organization WHERE id = ${scope.organizationId}::uuid`);
  return own;
}

export async function listOrganizations(db: Pick<Models, 'organization'>): Promise<OrganizationRow[]> {
  return db.organization.findMany({ orderBy: { name: 'asc' } });
}

/** @returns the id of the organisation with this id, or otherwise with this name; undefined if there is none */
export async function findOrganizationId(db: Queryable, idOrName: string): Promise<string | undefined> {
  const [found] = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM organization
    WHERE name = ${idOrName} OR id = ${isUuid(idOrName) ? idOrName : null}::uuid
    ORDER BY name = ${idOrName} LIMIT 1`;
  return found?.id;
}
