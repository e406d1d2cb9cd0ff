/**
 * Every text frame of protocol version 2, as `{"type": ..., "data": {...}}`.
 * Described in docs/protocol.md. Unknown fields are dropped, so that a newer peer can add some.
 * An optional field may be absent or null, also after parsing.
 */
import { z } from 'zod';
import { attemptSummary } from './attempt-summary.js';
import { storableJson } from './json.js';
import {
  MAX_DESCRIBED_EXECUTIONS,
  MAX_EXECUTIONS,
  MAX_EXECUTOR_ACTION_BYTES,
  MAX_MARKERS,
  MAX_PAGE_GZIP_BYTES,
} from './limits.js';
import { frame } from './text-frame.js';
import { rfc3339 } from './time.js';
import { uuid } from './uuid.js';

/** A position or count of lines; fits PostgreSQL's integer. */
const lineCount = z.int().min(0).max(2_147_483_647);
const seq = lineCount.min(1);
const epoch = z.int().min(0).max(2_147_483_647);
const revision = z.int().min(0);
const shortText = z.string().max(1024);
const longText = z.string().max(16 * 1024);

export const runReason = z.enum(['setupscript', 'cleanupscript', 'codingagent', 'devserver']);
export const executionStatus = z.enum(['running', 'completed', 'failed', 'killed']);
export const nodeStatus = z.enum(['online', 'busy', 'draining']);
export const syncState = z.enum(['partial', 'pending_backfill', 'complete', 'unavailable']);

/** An admin has deleted an attempt: its node is to delete it, too. */
export const FORGET_ATTEMPT = 'forget_attempt';

export const capabilities = z.object({
  executors: z.array(shortText).max(100).default([]),
  max_concurrent_tasks: z.int().min(0).default(1),
  os: shortText.default(''),
  arch: shortText.default(''),
  version: shortText.default(''),
  /** Hashes that say which machine the node runs on: of two nodes on one machine, at least one is the same. */
  hosts: z.array(z.string().max(64)).max(8).default([]),
  /** Frames of the hive that not every node knows, and this one does. The hive sends them to no other. */
  frames: z.array(z.string().max(64)).max(64).default([]),
});

export const authData = z.object({
  api_key: z.string().min(1).max(256),
  machine_id: z.string().min(1).max(256),
  name: z.string().min(1).max(256),
  capabilities,
  public_url: z.string().max(2048).nullish(),
  /** The markers that the node has got, newest first; absent from nodes that know neither markers nor `sync_refused`. */
  markers: z.array(uuid).max(MAX_MARKERS).nullish(),
  protocol_version: z.int().min(0),
});

export const attemptSyncData = z.object({
  attempt_id: uuid,
  revision,
  execution_count: z.int().min(0).max(MAX_EXECUTIONS),
  title: longText.nullish(),
  assignment_id: uuid.nullish(),
  shared_task_id: uuid.nullish(),
  executor: shortText,
  executor_variant: shortText.nullish(),
  branch: longText,
  target_branch: longText,
  container_ref: longText.nullish(),
  worktree_deleted: z.boolean(),
  setup_completed_at: rfc3339.nullish(),
  /** What the agent's own stream told; absent from nodes that don't read it. */
  summary: attemptSummary.nullish(),
  created_at: rfc3339,
  updated_at: rfc3339,
});

export const executionSyncData = z.object({
  execution_id: uuid,
  attempt_id: uuid,
  revision,
  run_reason: runReason,
  executor_action: storableJson(MAX_EXECUTOR_ACTION_BYTES).nullish(),
  before_head_commit: shortText.nullish(),
  after_head_commit: shortText.nullish(),
  status: executionStatus,
  exit_code: z.int32().nullish(),
  dropped: z.boolean(),
  pid: z.int().nullish(),
  started_at: rfc3339,
  completed_at: rfc3339.nullish(),
  created_at: rfc3339,
  log_lines: lineCount,
  log_epoch: epoch,
  /** How many secret values were masked in its lines. */
  masked: lineCount.nullish(),
});

const requestFailureCode = z.enum(['not_found', 'not_shared', 'busy', 'internal']);
const refusalCode = z.enum(['gap', 'epoch', 'unknown_execution', 'busy']);
/** Why the hive takes nothing of an attempt from this node. */
const syncRefusalCode = z.enum(['belongs_to_another_node', 'execution_of_another_attempt', 'deleted']);

/** The first frame of a socket. Its `protocol_version` decides which version is spoken afterwards. */
export const authFrame = frame('auth', authData);

/** What a node may send after `auth_result`. */
export const nodeFrame = z.discriminatedUnion('type', [
  frame(
    'heartbeat',
    z.object({
      status: nodeStatus,
      active_tasks: z.int().min(0),
      available_capacity: z.int().min(0),
      timestamp: rfc3339,
    }),
  ),
  frame('attempt_sync', attemptSyncData),
  frame('execution_sync', executionSyncData),
  frame('announced', z.object({ count: z.int().min(0) })),
  frame(
    'attempt_described',
    z.object({
      request_id: uuid,
      attempt: attemptSyncData,
      executions: z.array(executionSyncData).max(MAX_DESCRIBED_EXECUTIONS),
      more: z.boolean(),
    }),
  ),
  frame('logs_end', z.object({ request_id: uuid, log_lines: lineCount, log_epoch: epoch, status: executionStatus })),
  /** The node has nothing of the attempt any more, or never had. */
  frame('attempt_forgotten', z.object({ request_id: uuid })),
  frame('request_failed', z.object({ request_id: uuid, code: requestFailureCode, message: z.string().max(4096) })),
  frame('error', z.object({ message_id: z.string().max(256).nullish(), error: z.string().max(4096) })),
]);

/** What the hive sends to a node. */
export const hiveFrame = z.discriminatedUnion('type', [
  frame(
    'auth_result',
    z.object({
      success: z.boolean(),
      node_id: uuid.nullish(),
      organization_id: uuid.nullish(),
      error: z.string().nullish(),
      protocol_version: z.int(),
      session_id: uuid.nullish(),
      heartbeat_interval_seconds: z.number().positive().nullish(),
      max_page_bytes: z.int().positive().max(MAX_PAGE_GZIP_BYTES).nullish(),
      /** Those of the node's markers that the hive's database contains. */
      known_markers: z.array(uuid).max(MAX_MARKERS).nullish(),
    }),
  ),
  frame('heartbeat_ack', z.object({ server_time: z.string() })),
  frame('sync_ack', z.object({ attempt_id: uuid, revision, sync_state: syncState })),
  frame('sync_refused', z.object({ attempt_id: uuid, execution_id: uuid.nullish(), revision, code: syncRefusalCode })),
  frame('marker', z.object({ id: uuid })),
  frame('log_ack', z.object({ execution_id: uuid, log_epoch: epoch, stored_through: lineCount })),
  frame('log_refused', z.object({ execution_id: uuid, first_seq: seq, stored_through: lineCount, code: refusalCode })),
  frame('describe_attempt', z.object({ request_id: uuid, attempt_id: uuid, after_execution_id: uuid.nullish() })),
  frame(
    'read_logs',
    z.object({
      request_id: uuid,
      execution_id: uuid,
      after_seq: lineCount,
      max_page_bytes: z.int().positive(),
      credit: z.int().positive(),
    }),
  ),
  frame('forget_attempt', z.object({ request_id: uuid, attempt_id: uuid })),
  frame('grant', z.object({ request_id: uuid, pages: z.int().positive() })),
  frame('cancel', z.object({ request_id: uuid })),
  frame('close', z.object({ reason: z.string() })),
  frame('error', z.object({ message_id: z.string().nullish(), error: z.string() })),
]);

/** The JSON header of a binary frame that carries a log page. Only a page that was asked for has a `request_id`. */
export const logPageHeader = z.object({
  type: z.literal('log_page'),
  execution_id: uuid,
  log_epoch: epoch,
  first_seq: seq,
  last_seq: seq,
  request_id: uuid.nullish(),
});

export type AuthData = z.infer<typeof authData>;
export type AttemptSync = z.infer<typeof attemptSyncData>;
export type ExecutionSync = z.infer<typeof executionSyncData>;
export type ExecutionStatus = z.infer<typeof executionStatus>;
export type RunReason = z.infer<typeof runReason>;
export type SyncRefusalCode = z.infer<typeof syncRefusalCode>;
export type SyncState = z.infer<typeof syncState>;
export type RequestFailureCode = z.infer<typeof requestFailureCode>;
export type NodeFrame = z.infer<typeof nodeFrame>;
export type HiveFrame = z.infer<typeof hiveFrame>;
export type LogPageHeader = z.infer<typeof logPageHeader>;

/** The data of one frame type, e.g. `FrameData<HiveFrame, 'read_logs'>`. */
export type FrameData<F extends { type: string; data: unknown }, T extends F['type']> = Extract<F, { type: T }>['data'];
