import { Option } from 'commander';
import type { Database } from '../../prisma/database.js';
import { DEFAULT_ORGANIZATION, listOrganizations } from '../../prisma/queries/organization.js';

export function organizationOption(): Option {
  return new Option('--organization <name>', 'the organisation').default(DEFAULT_ORGANIZATION);
}

/** The id of an organisation that a person names. */
export async function organizationId(database: Database, name: string): Promise<string> {
  const organization = (await listOrganizations(database)).find((candidate) => candidate.name === name);
  if (!organization) throw new Error(`no organisation is named ${name}`);
  return organization.id;
}
