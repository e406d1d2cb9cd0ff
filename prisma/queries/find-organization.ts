import type { Queryable } from '../client.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of the organisation that has the id or, else, the name. */
export async function findOrganizationId(db: Queryable, idOrName: string): Promise<string | undefined> {
  const [found] = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM organization
    WHERE name = ${idOrName} OR id = ${UUID.test(idOrName) ? idOrName : null}::uuid
    ORDER BY name = ${idOrName} LIMIT 1`;
  return found?.id;
}
