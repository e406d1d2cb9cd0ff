import { randomInt } from 'node:crypto';
import type { Database } from '../database.js';

export interface InstallationRow {
  id: string;
  /** The name in use: the given one, or else the database's own, which is empty if the database is older than names. */
  name: string;
  /** Another name that was in use before; null if there was none. */
  formerName: string | null;
}

const NAME_LENGTH = 8;
/** Base32 (RFC 4648): no digits that look like letters. */
const NAME_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Reads the installation that the database belongs to; the first hive makes it, with a random name.
 * @param givenName a name to use instead of the database's own
 */
export async function ensureInstallation(db: Database, givenName?: string): Promise<InstallationRow> {
  const made = randomName();
  await db.$executeRaw`
    INSERT INTO installation (id, name, name_in_use) VALUES (gen_random_uuid(), ${made}, ${givenName ?? made})
    ON CONFLICT DO NOTHING`;
  await db.$executeRaw`
    UPDATE installation SET former_name = name_in_use, name_in_use = COALESCE(${givenName ?? null}::text, name)
    WHERE name_in_use <> COALESCE(${givenName ?? null}::text, name)`;
  const [row] = await db.$queryRaw<InstallationRow[]>`
    SELECT id, name_in_use AS name, former_name AS "formerName" FROM installation`;
  if (!row) throw new Error('the database has lost its installation; start the hive again');
  return row;
}

function randomName(): string {
  return Array.from({ length: NAME_LENGTH }, () => NAME_LETTERS[randomInt(NAME_LETTERS.length)]).join('');
}
