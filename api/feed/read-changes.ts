import type { z } from 'zod';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { lastPosition, listChanges } from '../../prisma/queries/feed/list-changes.js';
import type { change } from '../schemas/change.js';
import { attemptView } from '../views/attempt.js';

export interface Changes {
  changes: z.input<typeof change>[];
  /** From which to go on. */
  next: bigint;
  hasMore: boolean;
}

/**
 * Reads changes after a position. A position that was never given out comes from a database that has been replaced by
 * an older one since: then everything is told again.
 */
export async function readChanges(scope: OrganizationScope, after: bigint, limit: number): Promise<Changes> {
  const rows = await listChanges(scope, after, limit + 1);
  if (rows.length === 0 && after > 0n && after > (await lastPosition(scope))) return readChanges(scope, 0n, limit);
  const page = rows.slice(0, limit);
  return {
    changes: page.map(({ position, attemptId, attempt }) => ({
      position: Number(position),
      attempt_id: attemptId,
      deleted: attempt === null,
      attempt: attempt && attemptView(attempt),
    })),
    next: page.at(-1)?.position ?? after,
    hasMore: rows.length > page.length,
  };
}
