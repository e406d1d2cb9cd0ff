import { z } from 'zod';
import { executionStatus, runReason, syncState } from '../../protocol/frames.js';
import { count, nullableTime, pageLimit, queryInteger, storedText, time } from './common.js';
import { MAX_STORED_IDS } from '../../protocol/stored-attempts.js';
import { uuid } from '../../protocol/uuid.js';

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
      description: '`running` if one of its executions runs, otherwise how the last one ended; null if there is none.',
    }),
    exit_code: z.int().nullable().meta({ description: 'Exit status of the last execution; null while one runs.' }),
    command: z
      .string()
      .nullable()
      .meta({
        description:
          'The beginning of what the last execution ran, to be shown where there is no title. Data from a node: it can ' +
          'contain control characters.',
      }),
    summary: summary.nullable().meta({ description: 'What the agent’s own stream told about the attempt.' }),
    sync_state: syncState,
    sync_requested_at: nullableTime,
    last_full_sync_at: nullableTime,
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
  .strictObject({ id: uuid, name: z.string(), public_url: z.string().nullable(), status: z.string() })
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
  })
  .meta({ id: 'MissingLines', description: 'Lines that the hive has not stored.' });

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

export const attemptListQuery = z.strictObject({
  node_id: uuid.optional(),
  sync_state: syncState.optional(),
  executor: storedText(1024).optional(),
  order: z
    .enum(['arrived', 'created'])
    .optional()
    .meta({
      description:
        '`arrived` (the default): as the hive learnt of them; `created`: by the clocks of their nodes. A cursor continues ' +
        'the order that it was given for.',
    }),
  limit: pageLimit(1000).default(100),
  cursor: z.string().max(512).optional(),
});

export const attemptPage = z
  .strictObject({ attempts: z.array(attempt), next_cursor: z.string().nullable(), has_more: z.boolean() })
  .meta({ id: 'AttemptPage' });
