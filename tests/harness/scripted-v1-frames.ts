/**
 * What an original node sends by itself and when it is asked, as generators: what follows a `yield` runs once the frame
 * is in the queue.
 */
import type { Random } from '../chaos/random.js';
import { byCreation, V1Store, type V1Attempt, type V1Entry, type V1Execution } from './scripted-v1-store.js';

export interface Frame {
  type: string;
  data: Record<string, unknown>;
}

/** The limits of one cycle. The rows are those of all executions together. */
export const V1_CYCLE_LIMITS = { tasks: 50, attempts: 50, executions: 100, rows: 500 };

export function authData(apiKey: string, machineId: string): Record<string, unknown> {
  const capabilities = {
    executors: ['CLAUDE_CODE'],
    max_concurrent_tasks: 1,
    os: 'linux',
    arch: 'x86_64',
    version: '0.0.125',
    git_commit: '6bdb74c',
    git_branch: 'main',
  };
  return {
    api_key: apiKey,
    machine_id: machineId,
    name: 'node-1',
    capabilities,
    public_url: null,
    protocol_version: 1,
  };
}

/**
 * After a login. A project whose link the hive tells is linked from now on; a linked one that the hive does not know is
 * reported to it.
 * @param linked the login's `linked_projects`
 */
export function* linkFrames({ projects }: V1Store, linked: unknown): Generator<Frame, void> {
  const links = (Array.isArray(linked) ? linked : []) as LinkedProject[];
  for (const project of projects) {
    const { local_project_id, git_repo_path, default_branch } = project.frame;
    const link = links.find((one) => one.is_owned && one.local_project_id === local_project_id);
    if (link) {
      project.remoteProjectId ??= link.project_id;
    } else if (project.remoteProjectId !== null) {
      const data = { project_id: project.remoteProjectId, local_project_id, git_repo_path, default_branch };
      yield frameOf('link_project', data);
    }
  }
}

interface LinkedProject {
  local_project_id: string;
  project_id: string;
  is_owned: boolean;
}

/** One round of the sync service. Nothing that has been put into the queue is sent again by a later one. */
export function* cycleFrames(store: V1Store, random: Random): Generator<Frame, void> {
  if (store.projects.length > 0) yield frameOf('projects_sync', { projects: store.projects.map(({ frame }) => frame) });
  yield* taskFrames(store);
  yield* attemptFrames(store);
  yield* executionFrames(store);
  yield* logFrames(store, random);
  const ops = store.outbox.slice(0, V1_CYCLE_LIMITS.tasks);
  if (ops.length > 0) yield frameOf('op_batch', { ops });
  const shared = store.tasks.filter(({ frame }) => frame.shared_task_id !== null);
  const entries = shared.map(({ frame }) => ({ entity_type: 'task', entity_id: frame.local_task_id, version: 1 }));
  if (entries.length > 0) yield frameOf('digest', { entries });
}

/** Every task of a linked project, in every cycle. */
function* taskFrames({ tasks }: V1Store): Generator<Frame, void> {
  const linked = tasks.filter(({ project }) => project.remoteProjectId !== null);
  const isNew = ({ frame }: (typeof tasks)[number]) => frame.shared_task_id === null;
  const again = linked
    .filter((task) => !isNew(task))
    .toSorted((a, b) => Date.parse(a.frame.updated_at) - Date.parse(b.frame.updated_at));
  for (const part of [byCreation(linked.filter(isNew)), again]) {
    for (const { frame } of part.slice(0, V1_CYCLE_LIMITS.tasks)) {
      yield frameOf('task_sync', { ...frame, is_update: frame.shared_task_id !== null });
    }
  }
}

function* attemptFrames({ attempts }: V1Store): Generator<Frame, void> {
  const unsynced = byCreation([...attempts.values()].filter(({ isPushed }) => !isPushed));
  const sent = unsynced.slice(0, V1_CYCLE_LIMITS.attempts).filter(({ isShared }) => isShared);
  for (const attempt of sent) yield attemptFrame(attempt);
  for (const attempt of sent) attempt.isPushed = true;
}

function* executionFrames({ attempts }: V1Store): Generator<Frame, void> {
  const ofPushed = [...attempts.values()].flatMap(({ isPushed, executions }) => (isPushed ? executions : []));
  const unsynced = byCreation(ofPushed.filter(({ pushed }) => pushed.status === undefined));
  const sent = unsynced.slice(0, V1_CYCLE_LIMITS.executions);
  for (const execution of sent) yield executionFrame(execution);
  for (const { pushed, frame } of sent) pushed.status = frame.status;
}

/** One batch per execution, in no order. The limit is spent on the executions with the smallest ids first. */
function* logFrames({ attempts }: V1Store, random: Random): Generator<Frame, void> {
  const all = [...attempts.values()].flatMap((attempt) =>
    attempt.executions.map((execution) => ({ attempt, execution })),
  );
  const waiting = all
    .filter(({ execution: { pushed, rows } }) => pushed.status !== undefined && pushed.rows < rows.length)
    .toSorted((a, b) => (a.execution.frame.execution_id < b.execution.frame.execution_id ? -1 : 1));
  let left = V1_CYCLE_LIMITS.rows;
  const batches = waiting.map(({ attempt, execution }) => {
    const rows = execution.rows.slice(execution.pushed.rows, execution.pushed.rows + left);
    left -= rows.length;
    return { attempt, execution, rows };
  });
  const sent = random.shuffled(batches.filter(({ attempt, rows }) => rows.length > 0 && attempt.isShared));
  for (const { attempt, execution, rows } of sent) yield liveBatch(attempt, execution, rows);
  for (const { execution, rows } of sent) execution.pushed.rows += rows.length;
}

export interface AnswerOptions {
  /** Rows in one batch. The original node sends all in one, our own node agent fewer. */
  rowsPerBatch: number;
}

/**
 * What a node sends for one attempt of a backfill request.
 * @returns what it counts in `entities_sent`
 */
export function* answerFrames(
  attempt: V1Attempt,
  { backfill_type: type, logs_after: after }: BackfillRequest,
  { rowsPerBatch }: AnswerOptions,
): Generator<Frame, number> {
  if (!attempt.isShared) return 0;
  if (type === 'full_attempt') yield attemptFrame(attempt);
  // the executions are read first, the rows of each when its turn has come
  const executions = V1Store.listed(attempt).map((execution) => ({ execution, frame: executionFrame(execution) }));
  let logs = 0;
  for (const { execution, frame } of executions) {
    if (type !== 'logs') yield frame;
    if (type === 'executions') continue;
    const since = type === 'logs' && after !== null ? Date.parse(after) : -Infinity;
    const rows = execution.rows.filter(({ timestamp }) => Date.parse(timestamp) > since);
    if (rows.length > 0) logs++;
    const step = Math.min(rowsPerBatch, Math.max(rows.length, 1));
    for (let start = 0; start < rows.length; start += step) {
      yield batchOf(attempt, execution, rows.slice(start, start + step), attempt.frame.shared_task_id);
    }
  }
  return { full_attempt: 1, executions: executions.length, logs }[type];
}

export interface BackfillRequest {
  message_id: string;
  backfill_type: 'full_attempt' | 'executions' | 'logs';
  entity_ids: string[];
  logs_after: string | null;
}

/** @returns undefined if the node can't parse it; then it says nothing about it */
export function readRequest(data: Record<string, unknown>): BackfillRequest | undefined {
  const { message_id: id, backfill_type: type, entity_ids: ids, logs_after: after = null } = data;
  if (typeof id !== 'string' || !/^[0-9a-f-]{36}$/i.test(id)) return undefined;
  if (type !== 'full_attempt' && type !== 'executions' && type !== 'logs') return undefined;
  if (!Array.isArray(ids) || !ids.every((one) => typeof one === 'string')) return undefined;
  if (after !== null && (typeof after !== 'string' || Number.isNaN(Date.parse(after)))) return undefined;
  return { message_id: id, backfill_type: type, entity_ids: ids, logs_after: after };
}

export function attemptFrame({ frame }: V1Attempt): Frame {
  return frameOf('attempt_sync', { ...frame });
}

export function executionFrame({ frame }: V1Execution): Frame {
  return frameOf('execution_sync', { ...frame });
}

/** A pushed batch: with an assignment it does not name the shared task. */
export function liveBatch(attempt: V1Attempt, execution: V1Execution, entries: V1Entry[]): Frame {
  const { assignment_id: assignment, shared_task_id: shared } = attempt.frame;
  return batchOf(attempt, execution, entries, assignment === null ? shared : null);
}

function batchOf(attempt: V1Attempt, execution: V1Execution, entries: V1Entry[], shared: string | null): Frame {
  return frameOf('logs_batch', {
    assignment_id: attempt.frame.assignment_id ?? attempt.frame.attempt_id,
    shared_task_id: shared,
    execution_process_id: execution.frame.execution_id,
    entries,
    compressed: false,
  });
}

function frameOf(type: string, data: Record<string, unknown>): Frame {
  return { type, data };
}
