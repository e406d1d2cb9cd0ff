/** Which attempts somebody asks for: the options of every command that lists or searches attempts. */
import { Option, type Command } from 'commander';
import { uuidArgument } from '../usage.js';
import type { Schemas } from './api.js';
import type { Attempt } from './attempt-text.js';
import { findNode } from './find-node.js';
import { sinceOption } from './time.js';

export interface AttemptOptions {
  status?: NonNullable<Attempt['status']>;
  state?: Attempt['sync_state'];
  node?: string;
  executor?: string;
  branch?: string;
  task?: string;
  since?: string;
  until?: string;
}

export const ATTEMPT_OPTIONS = ['status', 'state', 'node', 'executor', 'branch', 'task', 'since', 'until'] as const;

const STATUSES = ['running', 'completed', 'failed', 'killed'];
const STATES = ['complete', 'partial', 'pending_backfill', 'unavailable'];

export function addAttemptOptions(command: Command): Command {
  return command
    .addOption(new Option('-s, --status <status>', 'only attempts that run, or that ended so').choices(STATUSES))
    .addOption(new Option('--state <state>', "only attempts of which the hive's copy is so").choices(STATES))
    .option('--node <node>', 'only attempts of this node, by its name or id')
    .option('--executor <name>', 'only attempts of this executor')
    .option('--branch <name>', 'only attempts on this branch')
    .option('--task <id>', 'only attempts of this shared task', uuidArgument)
    .option('--since <time>', 'only attempts made since then: 2h, yesterday, 2026-11-27', sinceOption)
    .option('--until <time>', 'only attempts made before then', sinceOption);
}

/** @returns the API's filters @throws Error if there is no such node */
export function attemptFilters(options: AttemptOptions, nodes: readonly Schemas['Node'][]) {
  const { status, state, node, executor, branch, task, since, until } = options;
  return {
    ...(status !== undefined && { status }),
    ...(state !== undefined && { sync_state: state }),
    ...(node !== undefined && { node_id: findNode(nodes, node).id }),
    ...(executor !== undefined && { executor }),
    ...(branch !== undefined && { branch }),
    ...(task !== undefined && { task }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
}

export type AttemptFilters = ReturnType<typeof attemptFilters> & { q?: string };

/** @returns whether the attempt is one of those, as the API would say */
export function matches(attempt: Attempt, filters: AttemptFilters): boolean {
  const { status, sync_state: state, node_id: node, executor, branch, task, since, until, q } = filters;
  const time = Date.parse(attempt.created_at);
  return (
    (status === undefined || attempt.status === status) &&
    (state === undefined || attempt.sync_state === state) &&
    (node === undefined || attempt.node_id === node) &&
    (executor === undefined || attempt.executor === executor) &&
    (branch === undefined || attempt.branch === branch) &&
    (task === undefined || attempt.shared_task_id === task) &&
    (since === undefined || time >= Date.parse(since)) &&
    (until === undefined || time < Date.parse(until)) &&
    (q === undefined || [attempt.title, attempt.command].some((text) => contains(text, q)))
  );
}

function contains(text: string | null, part: string): boolean {
  return text?.toLowerCase().includes(part.toLowerCase()) ?? false;
}
