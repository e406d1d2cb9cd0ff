/**
 * The frames of protocol version 1, as original vk-swarm nodes and hives write them (docs/protocol-v1.md). Unknown
 * fields are ignored. An optional field may be absent or null, and is null after parsing.
 */
import { z } from 'zod';
import { executionStatus, runReason } from '../frames.js';
import { storableJson } from '../json.js';
import { frame } from '../text-frame.js';
import { rfc3339 } from '../time.js';

/** The version in `auth` and `auth_result`. */
export const PROTOCOL_V1 = 1;
/** A message of either side, except a node's logs_batch. The original hive takes no frame of more than 16 MiB. */
export const MAX_V1_MESSAGE_BYTES = 64 * 1024 * 1024;
/** A node's logs_batch, which the hive stores while it arrives. */
export const MAX_V1_BATCH_BYTES = 1024 * 1024 * 1024;
/** An entry of a batch that is stored while it arrives. */
export const MAX_V1_ENTRY_BYTES = 16 * 1024 * 1024;
/**
 * Maximum number of lines that an original node pushes in one cycle, over all executions. A backfill's batch may have
 * more.
 */
export const MAX_LIVE_BATCH_ENTRIES = 500;
/** What a backfill's error says, after the attempt's id, if the node does not have the attempt. */
export const ATTEMPT_NOT_FOUND = 'not found';

/** In the answer to a task that was not stored: original nodes require an id. */
const NIL_UUID = '00000000-0000-0000-0000-000000000000';

const MAX_ACTION_BYTES = 4 * 1024 * 1024;
/** PostgreSQL indexes it, and refuses more than 2,704 bytes. */
const MAX_MACHINE_ID_BYTES = 2048;

/** The uuid crate also reads upper case, `urn:uuid:`, braces and no hyphens. */
const uuid = z
  .string()
  .max(64)
  .transform((value) => value.toLowerCase().replace(/^urn:uuid:|[{}-]/g, ''))
  .pipe(z.string().regex(/^[0-9a-f]{32}$/))
  .transform((hex) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
const text = z.string().max(1024 * 1024);
const count = z.int().min(0).max(4_294_967_295);
const orNull = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null);

const capabilities = z.object({
  executors: z.array(z.string().max(1024)).max(100).default([]),
  max_concurrent_tasks: count.default(1),
  os: z.string().max(1024).default(''),
  arch: z.string().max(1024).default(''),
  version: z.string().max(1024).default(''),
  git_commit: z.string().max(1024).default(''),
  git_branch: z.string().max(1024).default(''),
});

export const authDataV1 = z.object({
  api_key: z.string().max(1024),
  machine_id: z.string().refine((id) => Buffer.byteLength(id) <= MAX_MACHINE_ID_BYTES, {
    error: `must be at most ${MAX_MACHINE_ID_BYTES} bytes`,
  }),
  name: z.string().max(1024),
  capabilities,
  public_url: orNull(z.string().max(2048)),
  protocol_version: z.literal(PROTOCOL_V1),
});

export const attemptSyncDataV1 = z.object({
  attempt_id: uuid,
  assignment_id: orNull(uuid),
  shared_task_id: uuid,
  executor: text,
  executor_variant: orNull(text),
  branch: text,
  target_branch: text,
  container_ref: orNull(text),
  worktree_deleted: z.boolean(),
  setup_completed_at: orNull(rfc3339),
  created_at: rfc3339,
  updated_at: rfc3339,
});

export const executionSyncDataV1 = z.object({
  execution_id: uuid,
  attempt_id: uuid,
  run_reason: runReason,
  executor_action: storableJson(MAX_ACTION_BYTES).transform((value) => value ?? null),
  before_head_commit: orNull(text),
  after_head_commit: orNull(text),
  status: executionStatus,
  exit_code: orNull(z.int()),
  dropped: z.boolean(),
  pid: orNull(z.int()),
  started_at: rfc3339,
  completed_at: orNull(rfc3339),
  created_at: rfc3339,
});

/** Entries are checked one by one when they are made into pages, because there may be very many. */
const logsBatchData = z.object({
  assignment_id: uuid,
  shared_task_id: orNull(uuid),
  execution_process_id: uuid,
  entries: z.array(z.unknown()),
});

const taskSyncData = z.object({
  local_task_id: uuid,
  shared_task_id: orNull(uuid),
  local_project_id: uuid,
  title: text,
  description: orNull(text),
  status: z.string().max(64),
  version: z.int(),
  is_update: z.boolean().default(false),
  owner_node_id: orNull(uuid),
  owner_name: orNull(text),
  created_at: rfc3339,
  updated_at: rfc3339,
  label_ids: z.array(uuid).default([]),
  assignee_user_id: orNull(uuid),
  assignee_name: orNull(text),
  assignee_username: orNull(text),
});

/** The maximum number of projects that the hive keeps of a node; those that follow are left out. */
export const MAX_NODE_PROJECTS = 1000;

const localProject = z.object({
  local_project_id: uuid,
  name: text.transform((name) => name.slice(0, 256)),
  git_repo_path: z.string().max(4096),
  default_branch: z.string().max(4096),
});

const linkProjectData = z.object({
  project_id: uuid,
  local_project_id: uuid,
  git_repo_path: z.string().max(4096),
  default_branch: z.string().max(4096).default('main'),
});

const backfillRequestData = z.object({
  message_id: uuid,
  backfill_type: z.enum(['full_attempt', 'executions', 'logs']),
  entity_ids: z.array(uuid),
  logs_after: orNull(rfc3339),
});

export const authFrameV1 = frame('auth', authDataV1);

/**
 * Frames of the original's protocol that this hive has no part in: it assigns no tasks, so it has no leases to renew and
 * no status to follow; labels and the node's own end are an administrator's business.
 */
const notServed = z.enum([
  'auth',
  'ack',
  'error',
  'lease_heartbeat',
  'label_sync',
  'task_status',
  'task_output',
  'task_progress',
  'deregister',
]);

/** What a hive reads of a node's frames after `auth`; every other type is ignored. */
export const nodeFrameV1 = z.discriminatedUnion('type', [
  frame(
    'heartbeat',
    z.object({ status: z.enum(['pending', 'online', 'offline', 'busy', 'draining']), timestamp: rfc3339 }),
  ),
  frame('attempt_sync', attemptSyncDataV1),
  frame('execution_sync', executionSyncDataV1),
  frame('logs_batch', logsBatchData),
  frame(
    'backfill_response',
    z.object({ request_id: uuid, success: z.boolean(), error: orNull(z.string()), entities_sent: count }),
  ),
  frame('task_sync', taskSyncData),
  frame('op_batch', z.object({ ops: z.array(z.object({ seq: z.int() })) })),
  frame('digest', z.object({ entries: z.array(z.unknown()) })),
  frame(
    'projects_sync',
    z.object({
      projects: z
        .array(z.unknown())
        .transform((projects) => projects.slice(0, MAX_NODE_PROJECTS))
        .pipe(z.array(localProject)),
    }),
  ),
  frame('link_project', linkProjectData),
  frame('unlink_project', z.object({ project_id: uuid })),
]);

/** What can be told of a frame that is part of a backfill's answer and has a wrong shape: which attempt it is about. */
export const refusedFrameV1 = z
  .object({ type: z.enum(['attempt_sync', 'execution_sync']), data: z.object({ attempt_id: uuid }) })
  .transform(({ data }) => ({ type: 'refused' as const, data: { attemptId: data.attempt_id } }));
/** A frame that a hive reads, or one that it knows and does not serve. */
export const knownFrameV1 = z.discriminatedUnion('type', [nodeFrameV1, z.object({ type: notServed })]);

/** What a node reads of a hive's frames after `auth_result`; every other type is ignored. */
export const hiveFrameV1 = z.discriminatedUnion('type', [
  frame('backfill_request', backfillRequestData),
  frame('heartbeat_ack', z.object({ server_time: rfc3339 })),
  frame('error', z.object({ message_id: orNull(uuid), error: z.string() })),
  frame('close', z.object({ reason: z.string() })),
  frame(
    'task_sync_response',
    z.object({ local_task_id: uuid, shared_task_id: uuid, success: z.boolean(), error: orNull(z.string()) }),
  ),
]);

/** The first frame that a hive sends. Even a failed login has at least these fields. */
export const authResultFrameV1 = frame(
  'auth_result',
  z.object({
    success: z.boolean(),
    node_id: orNull(uuid),
    organization_id: orNull(uuid),
    error: orNull(z.string()),
    protocol_version: count,
    linked_projects: z.array(z.object({ project_id: uuid })),
  }),
);

export type AuthDataV1 = z.infer<typeof authDataV1>;
export type AttemptSyncV1 = z.infer<typeof attemptSyncDataV1>;
export type ExecutionSyncV1 = z.infer<typeof executionSyncDataV1>;
export type TaskSyncV1 = z.infer<typeof taskSyncData>;
export type LocalProjectV1 = z.infer<typeof localProject>;
export type LinkProjectV1 = z.infer<typeof linkProjectData>;
export type NodeFrameV1 = z.infer<typeof nodeFrameV1>;
export type KnownFrameV1 = z.infer<typeof knownFrameV1>;
export type BackfillRequestV1 = z.infer<typeof backfillRequestData>;

/** The data of one frame type of a node. */
export type NodeDataV1<T extends NodeFrameV1['type']> = Extract<NodeFrameV1, { type: T }>['data'];

/** What the hive answers: frames that an original node waits for or logs. */
export type HiveAnswerV1 =
  | { type: 'backfill_request'; data: BackfillRequestV1 }
  | { type: 'heartbeat_ack'; data: { server_time: string } }
  | { type: 'close'; data: { reason: string } }
  | {
      type: 'task_sync_response';
      data: { local_task_id: string; shared_task_id: string; success: boolean; error: string | null };
    }
  | { type: 'op_ack'; data: { applied_through_seq: number } }
  | { type: 'digest_result'; data: { resend_from_seq: null; pull_entities: [] } };

/** A link of a node, as its login tells the node, which then sends the project's tasks and attempts. */
export interface LinkedProjectV1 {
  link_id: string;
  project_id: string;
  local_project_id: string;
  git_repo_path: string;
  default_branch: string;
  project_name: string;
  source_node_id: string;
  source_node_name: string;
  is_owned: true;
}

/** The answer to a task that is not stored. The original node requires an id in it. */
export function taskRefusalV1({ local_task_id }: TaskSyncV1, error: string): HiveAnswerV1 {
  return { type: 'task_sync_response', data: { local_task_id, shared_task_id: NIL_UUID, success: false, error } };
}

/** The answer to a login, as the original node parses it: even a refusal needs every field of a success. */
export function authResultV1(
  result: { node_id: string; organization_id: string; linked_projects: LinkedProjectV1[] } | { error: string },
  version = PROTOCOL_V1,
) {
  const identity = 'error' in result ? { node_id: null, organization_id: null, linked_projects: [] } : result;
  return {
    type: 'auth_result' as const,
    data: {
      success: !('error' in result),
      node_id: identity.node_id,
      organization_id: identity.organization_id,
      error: 'error' in result ? result.error : null,
      protocol_version: version,
      linked_projects: identity.linked_projects,
      swarm_labels: [],
    },
  };
}
