import { isUuid } from '../../protocol/uuid.js';
import type { Queryable } from '../database.js';

/** The id of the organisation that has the id or, else, the name. */
export async function findOrganizationId(db: Queryable, idOrName: string): Promise<string | undefined> {
  const [found] = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM organization
    WHERE name = ${idOrName} OR id = ${isUuid(idOrName) ? idOrName : null}::uuid
    ORDER BY name = ${idOrName} LIMIT 1`;
  return found?.id;
}
