import { z } from 'zod';
import { executionStatus, runReason, syncState } from '../../protocol/frames.js';
import { count, nullableTime, pageLimit, position, queryInteger, storedText, time } from './common.js';
import type { AttemptFilter } from '../../prisma/queries/attempt-filter.js';
import { toTimestamp } from '../../protocol/time.js';
import { MAX_STORED_IDS } from '../../protocol/stored-attempts.js';
import { uuid } from '../../protocol/uuid.js';

/** What can happen next to the hive's copy of an attempt. */
export const NEXT_CODES = [
  'nothing_missing',
  'will_not_come',
  'backfill_running',
  'backfill_waits_for_node',
  'held',
  'waits_for_node',
  'lines_arrive_live',
  'set_aside',
  'backfill_after_retry_at',
  'backfill_soon',
] as const;

const summary = z
  .strictObject({
    executor: z.string().nullish(),
    model: z.string().nullish(),
    session_id: z.string().nullish(),
    cost_usd: z.number().nullish(),
    turns: z.int().nullish(),
    input_tokens: z.int().nullish(),
    output_tokens: z.int().nullish(),
    last_message: z.string().nullish(),
    ended_with_error: z.boolean().nullish(),
  })
  .meta({ id: 'AttemptSummary' });

export const attempt = z
  .strictObject({
    id: uuid,
    assignment_id: uuid.nullable(),
    shared_task_id: uuid.nullable(),
    node_id: uuid,
    title: z.string().nullable(),
    executor: z.string(),
    executor_variant: z.string().nullable(),
    branch: z.string(),
    target_branch: z.string(),
    container_ref: z.string().nullable(),
    worktree_deleted: z.boolean(),
    setup_completed_at: nullableTime,
    created_at: time.meta({ description: 'By the clock of the node, in UTC. Any year.' }),
    updated_at: time,
    arrived_at: time.meta({ description: 'When the hive first learnt of the attempt.' }),
    revision: z.int().meta({ description: 'The node’s counter of changes to the attempt.' }),
    execution_count: count.meta({ description: 'How many executions there are according to the node.' }),
    status: executionStatus.nullable().meta({
      description:
        '`running` if one of its executions runs, otherwise how the one ended that ended last; null if there is none.',
    }),
    exit_code: z
      .int()
      .nullable()
      .meta({ description: 'Exit status of the execution that ended last; null while one runs.' }),
    command: z
      .string()
      .nullable()
      .meta({
        description:
          'The beginning of what that execution ran (of those that run, the first), to be shown where there is no title. Data from a node: it can ' +
          'contain control characters.',
      }),
    ended_at: nullableTime.meta({
      description:
        'When the execution that ended last ended, by the clock of the node; null while one runs, or if nobody knows.',
    }),
    summary: summary.nullable().meta({ description: 'What the agent’s own stream told about the attempt.' }),
    sync_state: syncState,
    sync_requested_at: nullableTime,
    last_full_sync_at: nullableTime,
    lines_declared: count.meta({ description: 'How many lines there are according to the node.' }),
    lines_stored: count.meta({ description: 'How many of them the hive has.' }),
    position: count.nullable().meta({
      description:
        'Its place in the feed (`/v1/changes`), higher after each change; null for a moment until the hive has given it one.',
    }),
    changed_at: nullableTime.meta({ description: 'When it got this position, by the hive’s clock.' }),
  })
  .meta({
    id: 'Attempt',
    description: 'A task attempt as its node describes it, and how complete the hive’s copy is.',
  });

export const execution = z
  .strictObject({
    id: uuid,
    attempt_id: uuid,
    node_id: uuid,
    run_reason: runReason,
    executor_action: z.unknown().meta({ description: 'JSON of any shape, as the node sent it.' }),
    before_head_commit: z.string().nullable(),
    after_head_commit: z.string().nullable(),
    status: executionStatus,
    exit_code: z.int().nullable(),
    dropped: z.boolean(),
    pid: z.int().nullable(),
    started_at: time,
    completed_at: nullableTime,
    created_at: time,
    masked: count.meta({ description: 'How many secret values the node masked in the lines.' }),
    log_lines: count.meta({ description: 'How many lines there are according to the node.' }),
    log_epoch: z.int(),
    stored_lines: count.meta({ description: 'How many lines of this epoch the hive has stored.' }),
    gone_from_node: z.boolean().meta({ description: 'The node no longer has it; the hive keeps its copy.' }),
  })
  .meta({ id: 'Execution', description: 'A process that ran in an attempt.' });

export const nodeInfo = z
  .strictObject({
    id: uuid,
    name: z.string(),
    public_url: z.string().nullable(),
    status: z.string(),
    since: nullableTime.meta({
      description:
        'Since when the node is connected or, if its status is `offline`, no longer is. By the hive’s clock.',
    }),
  })
  .meta({ id: 'NodeInfo' });

export const missingLines = z
  .strictObject({
    execution_id: uuid,
    first_seq: z.int().min(1),
    last_seq: z.int().min(1).nullable().meta({
      description:
        'Null if the node has not said how many lines there are; then it is not certain that any are missing.',
    }),
    reason: z.string(),
    explanation: z.string().meta({
      description:
        'Where these lines are, or why they can not be had, in sentences for people. They contain the name of the node.',
    }),
  })
  .meta({ id: 'MissingLines', description: 'Lines that the hive has not stored.' });

const whatNext = z
  .strictObject({
    code: z.enum(NEXT_CODES),
    sentence: z.string().meta({ description: 'The same for people. It can contain the name of the node.' }),
  })
  .meta({ id: 'WhatNext', description: 'What happens next to the hive’s copy of an attempt.' });

export const sync = z
  .strictObject({
    state: syncState,
    requested_at: nullableTime,
    last_full_sync_at: nullableTime,
    workflow_id: z.string().nullable(),
    workflow_url: z.string().nullable().meta({
      description:
        'Address in the Temporal UI, for admins who can reach it; one on the hive’s own machine is given only there.',
    }),
    last_error: z.string().nullable(),
    lines_declared: count,
    lines_stored: count,
    retry_at: nullableTime,
    held: z.boolean().meta({
      description: 'Whether a cancel paused the attempt: no backfill starts by itself until someone starts one.',
    }),
    unavailable_reason: z.string().nullable(),
    explanation: z.string().nullable().meta({
      description: 'For the state `unavailable`: that what is missing will not come, and why.',
    }),
    missing: z.array(missingLines).max(100).meta({ description: 'The first 100 ranges.' }),
    next: whatNext,
  })
  .meta({ id: 'Sync', description: 'How complete the hive’s copy of an attempt is.' });

export const attemptDetail = z
  .strictObject({
    attempt,
    executions: z.array(execution).meta({ description: 'In the order in which the hive learnt of them.' }),
    is_complete: z.boolean().meta({ description: 'Whether all executions have ended.' }),
    masked: count.meta({ description: 'How many secret values the node masked in the lines of all executions.' }),
    node_info: nodeInfo,
    sync,
  })
  .meta({ id: 'AttemptDetail' });

export const storedQuery = z.strictObject({
  ids: z
    .string()
    .max(MAX_STORED_IDS * 40)
    .transform((text) => text.split(','))
    .pipe(z.array(uuid).max(MAX_STORED_IDS))
    .meta({ description: `Ids of attempts, separated by commas; at most ${MAX_STORED_IDS}.`, type: 'string' }),
});

export const attemptQuery = z.strictObject({
  wait: queryInteger(0, 30, 'How many seconds to wait for a backfill that is under way.').optional(),
});

export const attemptsOfTask = z.strictObject({ attempts: z.array(attempt) }).meta({ id: 'AttemptsOfTask' });

const moment = z.iso.datetime({ offset: true }).transform(toTimestamp).meta({ type: 'string', format: 'date-time' });

/** The fields of a query that say which attempts it is about. {@link attemptFilterOf} reads them. */
export const attemptFilterFields = {
  node_id: uuid.optional(),
  sync_state: syncState.optional(),
  status: executionStatus.optional(),
  executor: storedText(1024).optional(),
  branch: storedText(1024).optional(),
  task: uuid.optional().meta({ description: 'Of this shared task.' }),
  since: moment.optional().meta({ description: 'Made (`created_at`) at this time or later.' }),
  until: moment.optional().meta({ description: 'Made before this time.' }),
  id_prefix: z
    .string()
    .max(36)
    .transform((text) => text.replaceAll('-', '').toLowerCase())
    .pipe(z.string().regex(/^[0-9a-f]{4,32}$/, 'must be the first 4 or more hexadecimal digits of an id'))
    .optional()
    .meta({ type: 'string', description: 'The first 4 or more hexadecimal digits of the id.' }),
  after: position.optional().meta({
    type: 'string',
    description:
      'Changed after this position of the feed (`/v1/changes`). An attempt that has no position yet is left out.',
  }),
};

export const attemptCountQuery = z.strictObject({
  ...attemptFilterFields,
  q: storedText(200)
    .min(1)
    .optional()
    .meta({ description: 'What the title or the command contains, in upper or lower case.' }),
});

/** The database counts them one by one. */
const MAX_SKIPPED = 1_000_000;

export const attemptListQuery = attemptCountQuery.extend({
  order: z
    .enum(['arrived', 'created', 'changed'])
    .optional()
    .meta({
      description:
        '`arrived` (the default): as the hive learnt of them; `created`: by the clocks of their nodes; `changed`: by their ' +
        'position in the feed, what has changed last first. A cursor continues the order that it was given for.',
    }),
  limit: pageLimit(1000).default(100),
  cursor: z.string().max(512).optional(),
  skip: queryInteger(
    0,
    MAX_SKIPPED,
    'How many attempts to leave out, after those that the cursor stands for: a page far down is reached without those before it.',
  ).default(0),
});

/** @returns the filter that the fields of a query ask for */
export function attemptFilterOf(query: z.output<typeof attemptCountQuery>): AttemptFilter {
  return {
    nodeId: query.node_id,
    syncState: query.sync_state,
    status: query.status,
    executor: query.executor,
    branch: query.branch,
    sharedTaskId: query.task,
    text: query.q,
    since: query.since,
    until: query.until,
    idPrefix: query.id_prefix,
    changedAfter: query.after,
  };
}

const stateCounts = z.strictObject({ partial: count, pending_backfill: count, complete: count, unavailable: count });

export const attemptCounts = z
  .strictObject({
    total: count,
    by_status: z.strictObject({
      running: count,
      completed: count,
      failed: count,
      killed: count,
      none: count.meta({ description: 'Attempts without executions.' }),
    }),
    by_sync_state: stateCounts,
  })
  .meta({ id: 'AttemptCounts' });

export const attemptPage = z
  .strictObject({ attempts: z.array(attempt), next_cursor: z.string().nullable(), has_more: z.boolean() })
  .meta({ id: 'AttemptPage' });
