import { z } from 'zod';
import { count, nullableTime, pageLimit, time } from './common.js';
import { syncState } from '../../protocol/frames.js';
import { uuid } from '../../protocol/uuid.js';

export const backfillStatus = z.enum(['running', 'completed', 'failed', 'cancelled', 'timed_out', 'terminated']);

export const backfillType = z.enum(['full_attempt', 'executions', 'logs']);

export const startBackfill = z
  .strictObject({
    type: backfillType.default('full_attempt').meta({
      description:
        '`full_attempt`: metadata and lines; `executions`: metadata; `logs`: lines of executions that the hive knows.',
    }),
  })
  .meta({ id: 'StartBackfill' });

export const startedBackfill = z
  .strictObject({
    workflow_id: z.string(),
    run_id: z.string(),
    joined: z.boolean().meta({ description: 'Whether this is a backfill of the attempt that was already running.' }),
  })
  .meta({ id: 'StartedBackfill' });

const backfillFields = z.strictObject({
  workflow_id: z.string(),
  run_id: z.string(),
  attempt_id: uuid,
  node_id: uuid.nullable(),
  trigger: z.string().nullable().meta({ description: 'read, reconnect, schedule or manual' }),
  status: backfillStatus,
  outcome: z
    .string()
    .nullable()
    .meta({ description: 'Once it has ended: complete, partial, unavailable, node_offline, cancelled or failed' }),
  started_at: time,
  ended_at: nullableTime,
  workflow_url: z.string().nullable().meta({
    description:
      'Address in the Temporal UI, for admins who can reach it; one on the hive’s own machine is given only there.',
  }),
});

const backfilledAttempt = z
  .strictObject({
    title: z.string().nullable(),
    command: z.string().nullable().meta({
      description:
        'The beginning of what it ran, to be shown where there is no title. Data from a node, as the title is.',
    }),
    node_name: z.string(),
    sync_state: syncState,
    lines_declared: count.meta({ description: 'How many lines there are according to the node.' }),
    lines_stored: count.meta({ description: 'How many of them the hive has.' }),
    last_error: z
      .string()
      .nullable()
      .meta({ description: 'Why the last backfill stored less than everything: a code.' }),
    explanation: z.string().nullable().meta({
      description: 'For the state `unavailable`: that what is missing will not come, and why.',
    }),
  })
  .meta({ id: 'BackfilledAttempt', description: 'The attempt of a backfill.' });

export const listedBackfill = backfillFields
  .extend({
    attempt: backfilledAttempt.nullable().meta({
      description:
        'The attempt as it is now, also for a backfill that has ended long ago; while one runs, it tells how far it has come. ' +
        'Null if the attempt has been deleted.',
    }),
  })
  .meta({ id: 'ListedBackfill' });

export const backfillProgress = z
  .strictObject({
    phase: z.enum(['locating', 'waiting_for_node', 'waiting_for_answers', 'mirroring', 'settling', 'ended']),
    executions: count,
    lines_declared: count,
    lines_stored: count,
    lines_pulled: count.meta({ description: 'Lines that this backfill has itself pulled and stored.' }),
    pulls: count,
  })
  .meta({ id: 'BackfillProgress' });

export const backfill = backfillFields
  .extend({
    progress: backfillProgress
      .nullable()
      .meta({ description: 'While it runs. Null after that, or if no worker answered in time.' }),
    result: z
      .strictObject({
        lines_declared: count,
        lines_stored: count,
        lines_pulled: count.nullable().meta({ description: 'Null if it was ended from outside and nobody knows.' }),
        reason: z.string().nullable(),
        explanation: z.string().nullable().meta({
          description: 'For `unavailable`: that what is missing will not come, and why.',
        }),
      })
      .nullable()
      .meta({
        description:
          'Once it has ended, however it ended: what the hive had of the attempt then. For a backfill that was terminated ' +
          'or timed out: what it has now.',
      }),
  })
  .meta({ id: 'Backfill' });

export const backfillPage = z
  .strictObject({
    backfills: z.array(listedBackfill),
    next_cursor: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'BackfillPage' });

export const backfillQuery = z.strictObject({
  node_id: uuid.optional(),
  attempt_id: uuid.optional(),
  status: backfillStatus.optional(),
  limit: pageLimit(100).default(50),
  cursor: z.string().max(4096).optional(),
});
