import pLimit from 'p-limit';
import { z } from 'zod';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { deleteAttempt, removeDeleted } from '../../prisma/queries/delete-attempt.js';
import { uuid } from '../../protocol/uuid.js';
import type { AppDependencies } from '../dependencies.js';
import { notFound } from '../problem.js';
import { answer, route, type Route } from '../route.js';

type OneAtATime = ReturnType<typeof pLimit>;

export function deleteAttemptRoutes(deps: AppDependencies): Route[] {
  const oneAtATime = pLimit(1); // of many that are deleted one after the other, each would take a connection of its own
  return [
    route({
      method: 'delete',
      path: '/v1/swarm/attempts/{id}',
      operationId: 'deleteAttempt',
      tag: 'attempts',
      summary: 'Delete an attempt, here and at its node, for good',
      description:
        'Nobody sees it from then on, and it stays deleted whoever announces it again. Its node deletes it too: at once ' +
        'if it is connected, otherwise when it comes back, and again whenever it announces it. Deleting it twice is 204 ' +
        'as well. docs/operations.md says what may remain of it, and for how long.',
      access: 'admin',
      params: z.strictObject({ id: uuid }),
      responses: { 204: { description: 'Deleted.' } },
      errors: ['not_found'],
      handle: async ({ scope, principal, params: { id }, request }) => {
        const deleted = await deleteAttempt(deps.database, scope, id, principal.id);
        if (!deleted) throw notFound('task attempt');
        const { organizationId } = scope;
        if (deleted.isNew) {
          request.log.info(
            {
              event: 'attempt_deleted',
              attemptId: id,
              nodeId: deleted.nodeId,
              deletedBy: principal.id,
              organizationId,
            },
            'an attempt was deleted',
          );
        }
        void cleanUp(deps, oneAtATime, scope, id);
        return answer(204);
      },
    }),
  ];
}

/** Never throws: a backfill of the attempt ends by itself, and the schedule removes pages that are left. */
async function cleanUp(
  { database, backfills, logger, stopping }: AppDependencies,
  oneAtATime: OneAtATime,
  scope: OrganizationScope,
  attemptId: string,
): Promise<void> {
  const [cancelled, removed] = await Promise.allSettled([
    backfills.cancel(scope, attemptId),
    oneAtATime(() => removeDeleted(database, () => stopping?.aborted === true)),
  ]);
  if (cancelled.status === 'rejected')
    logger.warn(
      { err: cancelled.reason as unknown, attemptId },
      'the backfill of a deleted attempt could not be cancelled',
    );
  if (removed.status === 'rejected')
    logger.warn(
      { err: removed.reason as unknown, attemptId },
      'the schedule removes what is left of a deleted attempt',
    );
}
