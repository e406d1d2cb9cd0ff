import { newNodeKeySecret } from '../../prisma/secrets.js';
import type { Stage } from './stage.js';

/** API keys for many nodes at once: the API makes one a request. */
export async function makeKeys(stage: Stage, count: number): Promise<string[]> {
  const secrets = Array.from({ length: count }, () => newNodeKeySecret());
  await stage.database.query(
    `INSERT INTO node_api_key (id, organization_id, name, key_prefix, key_hash)
     SELECT gen_random_uuid(), (SELECT id FROM organization WHERE name = 'default'), 'bench', key.prefix, key.hash
     FROM unnest($1::text[], $2::text[]) AS key (prefix, hash)`,
    [secrets.map(({ prefix }) => prefix), secrets.map(({ hash }) => hash)],
  );
  return secrets.map(({ secret }) => secret);
}
