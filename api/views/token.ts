import type { z } from 'zod';
import type { ApiTokenRow } from '../../prisma/queries/api-token.js';
import type { OrganizationRow } from '../../prisma/queries/organization.js';
import { iso } from '../schemas/common.js';
import type { apiToken, organization } from '../schemas/token.js';

export function apiTokenView(row: ApiTokenRow): z.input<typeof apiToken> {
  return {
    id: row.id,
    organization_id: row.organizationId,
    name: row.name,
    role: row.role,
    token_prefix: row.tokenPrefix,
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    expires_at: iso(row.expiresAt),
    revoked_at: iso(row.revokedAt),
    last_used_at: iso(row.lastUsedAt),
  };
}

export function organizationView({ id, name, createdAt }: OrganizationRow): z.input<typeof organization> {
  return { id, name, created_at: createdAt.toISOString() };
}
