/**
 * What an original node keeps in its SQLite: projects, tasks, attempts, executions, log rows, the outbox, and which of
 * them it has pushed. It outlives the node's process.
 */
import { randomUUID } from 'node:crypto';

export interface V1Entry {
  output_type: 'stdout' | 'stderr' | 'system';
  content: string;
  timestamp: string;
}

export interface V1Project {
  frame: { local_project_id: string; name: string; git_repo_path: string; default_branch: string };
  /** The hive's project that it is linked to; null if it is not. The node syncs tasks of linked projects only. */
  remoteProjectId: string | null;
}

export interface V1Task {
  frame: Record<string, unknown> & { local_task_id: string; shared_task_id: string | null; updated_at: string };
  project: V1Project;
}

export interface V1Attempt {
  frame: Record<string, unknown> & { attempt_id: string; shared_task_id: string };
  task: V1Task;
  /** Whether its task has a shared id. An attempt without is never pushed. */
  isShared: boolean;
  /** Cleared again by each successful answer to a task_sync. */
  isPushed: boolean;
  executions: V1Execution[];
}

export interface V1Execution {
  frame: Record<string, unknown> & { execution_id: string; attempt_id: string; status: string; dropped: boolean };
  rows: V1Entry[];
  /**
   * What has been put into the queue, once and for all: the execution itself, with the status that it had then, and the
   * number of rows from the start.
   */
  pushed: { status?: string; rows: number };
}

export interface V1Operation {
  seq: number;
  op_type: string;
  entity_type: string;
  entity_id: string;
  payload: unknown;
  idempotency_key: string;
  fencing_token: null;
}

/** The data of a task_sync. */
export function taskData(changes: Record<string, unknown> = {}): V1Task['frame'] {
  return {
    local_task_id: randomUUID(),
    shared_task_id: null,
    local_project_id: randomUUID(),
    title: 'Task',
    description: null,
    status: 'inprogress',
    version: 1,
    is_update: false,
    owner_node_id: null,
    owner_name: null,
    created_at: '2026-02-01T10:00:00Z',
    updated_at: '2026-02-01T10:20:00.123Z',
    label_ids: [],
    assignee_user_id: null,
    assignee_name: null,
    assignee_username: null,
    ...changes,
  };
}

/** The data of an attempt_sync. */
export function attemptData(changes: Record<string, unknown> = {}): V1Attempt['frame'] {
  return {
    attempt_id: randomUUID(),
    assignment_id: null,
    shared_task_id: randomUUID(),
    executor: 'CLAUDE_CODE',
    executor_variant: null,
    branch: 'vk/first',
    target_branch: 'main',
    container_ref: '/var/tmp/vibe-kanban/worktrees/first',
    worktree_deleted: false,
    setup_completed_at: null,
    created_at: '2026-02-01T10:00:00Z',
    updated_at: '2026-02-01T10:20:00.123Z',
    ...changes,
  };
}

/** The data of an execution_sync. */
export function executionData(changes: Record<string, unknown> = {}): V1Execution['frame'] {
  return {
    execution_id: randomUUID(),
    attempt_id: randomUUID(),
    run_reason: 'codingagent',
    executor_action: null,
    before_head_commit: null,
    after_head_commit: null,
    status: 'completed',
    exit_code: 0,
    dropped: false,
    pid: null,
    started_at: '2026-02-01T10:00:00Z',
    completed_at: '2026-02-01T10:20:00.123Z',
    created_at: '2026-02-01T10:00:00Z',
    ...changes,
  };
}

export class V1Store {
  readonly projects: V1Project[] = [];
  readonly tasks: V1Task[] = [];
  readonly attempts = new Map<string, V1Attempt>();
  /** Operations that no op_ack has covered yet. */
  outbox: V1Operation[] = [];
  /** Assignments that are being worked on. */
  readonly assignments = new Set<string>();
  /** Makes the ids of new rows. */
  newId: () => string = randomUUID;
  #operations = 0;

  addProject(changes: Partial<V1Project['frame']> = {}, isLinked = true): V1Project {
    const frame = {
      local_project_id: this.newId(),
      name: 'repo',
      git_repo_path: '/home/me/repo',
      default_branch: 'main',
      ...changes,
    };
    const project = { frame, remoteProjectId: isLinked ? this.newId() : null };
    this.projects.push(project);
    return project;
  }

  addTask(changes: Record<string, unknown> = {}, project = this.#projectOf(true)): V1Task {
    const frame = taskData({
      local_task_id: this.newId(),
      local_project_id: project.frame.local_project_id,
      ...changes,
    });
    const task = { frame, project };
    this.tasks.push(task);
    return task;
  }

  /**
   * Adds an attempt to the task that has its shared id, or to a new one.
   * @param isShared whether the task has a shared id and its project is linked
   */
  addAttempt(changes: Record<string, unknown> = {}, isShared = true): V1Attempt {
    const frame = attemptData({ attempt_id: this.newId(), shared_task_id: this.newId(), ...changes });
    const shared = isShared ? frame.shared_task_id : null;
    const task =
      this.tasks.find((one) => shared !== null && one.frame.shared_task_id === shared) ??
      this.addTask({ shared_task_id: shared, is_update: isShared }, this.#projectOf(isShared));
    const attempt = { frame, task, isShared, isPushed: false, executions: [] };
    this.attempts.set(frame.attempt_id, attempt);
    return attempt;
  }

  /** Adds an attempt to a task, which gets its shared id from the hive if it has none. */
  addAttemptOf(task: V1Task, changes: Record<string, unknown> = {}): V1Attempt {
    const shared = task.frame.shared_task_id;
    const attempt = this.addAttempt(
      { ...changes, ...(shared !== null && { shared_task_id: shared }) },
      shared !== null,
    );
    if (attempt.task !== task) this.tasks.splice(this.tasks.indexOf(attempt.task), 1);
    attempt.task = task;
    return attempt;
  }

  addExecution(attempt: V1Attempt, rows: V1Entry[], changes: Record<string, unknown> = {}): V1Execution {
    const frame = executionData({ execution_id: this.newId(), attempt_id: attempt.frame.attempt_id, ...changes });
    const execution: V1Execution = { frame, rows, pushed: { rows: 0 } };
    attempt.executions.push(execution);
    return execution;
  }

  /** A change of a task that the node reports until an op_ack covers it. */
  addOperation(task: V1Task): V1Operation {
    const { local_task_id: id } = task.frame;
    const operation = {
      seq: ++this.#operations,
      op_type: 'task.upsert',
      entity_type: 'task',
      entity_id: id,
      payload: { id },
      idempotency_key: `task:${id}:${this.#operations}`,
      fencing_token: null,
    };
    this.outbox.push(operation);
    return operation;
  }

  /**
   * What a successful answer to a task_sync does: the task has changed (the next cycle sends it with another
   * `updated_at`), and its attempts will be pushed again, byte for byte.
   */
  takeTaskAnswer(localTaskId: string, sharedTaskId: string, at: Date): void {
    const task = this.tasks.find((one) => one.frame.local_task_id === localTaskId);
    if (!task || (task.frame.shared_task_id ?? sharedTaskId) !== sharedTaskId) return;
    task.frame.shared_task_id = sharedTaskId;
    task.frame.updated_at = `${at.toISOString().slice(0, 19)}Z`; // SQLite's CURRENT_TIMESTAMP
    for (const attempt of this.attempts.values()) {
      if (attempt.task !== task) continue;
      attempt.frame.shared_task_id = sharedTaskId;
      attempt.isShared = true;
      attempt.isPushed = false;
    }
  }

  /** @returns the attempt's executions as a backfill lists them: in the order of their creation, without dropped ones */
  static listed(attempt: V1Attempt): V1Execution[] {
    return byCreation(attempt.executions.filter(({ frame }) => !frame.dropped));
  }

  #projectOf(isLinked: boolean): V1Project {
    const found = this.projects.find(({ remoteProjectId }) => (remoteProjectId !== null) === isLinked);
    return found ?? this.addProject({ name: isLinked ? 'repo' : 'private' }, isLinked);
  }
}

/** Sorts as SQLite does; what has the same time stays in the order of insertion. */
export function byCreation<T extends { frame: Record<string, unknown> }>(rows: T[]): T[] {
  const created = ({ frame }: T) => Date.parse(String(frame['created_at']));
  return rows.toSorted((a, b) => created(a) - created(b));
}

/** The time of a log row, or of a row's creation: SQLite makes it, with three digits, or none if they are zero. */
export function sqliteTime(date: Date): string {
  return date.toISOString().replace('.000Z', 'Z');
}

/** The time of an execution, as the node makes it: with nine digits. */
export function nodeTime(date: Date): string {
  return date.toISOString().replace('Z', '456789Z');
}
