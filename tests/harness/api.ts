/** What tests read from the API, and what a node recorded to compare it with. */
import type { NodeAgent } from './node-agent.js';
import { until } from './until.js';
import type { HiveHandle, World } from './world.js';

export interface AttemptView {
  attempt: {
    id: string;
    sync_state: string;
    title: string | null;
    executor: string;
    created_at: string;
    revision: number;
  };
  executions: { id: string; status: string; log_lines: number; stored_lines: number; gone_from_node: boolean }[];
  is_complete: boolean;
  sync: {
    state: string;
    lines_declared: number;
    lines_stored: number;
    last_error: string | null;
    unavailable_reason: string | null;
    missing: { execution_id: string; first_seq: number; last_seq: number; reason: string }[];
  };
}

export interface LogEntry {
  id: number;
  execution_id: string;
  seq: number;
  output_type: string;
  content: string;
  timestamp: string;
}

interface LogPage {
  entries: LogEntry[];
  next_cursor: string | null;
  has_more: boolean;
  total_count: number;
}

export function attemptOf(world: World, hive: HiveHandle, attemptId: string): Promise<AttemptView> {
  return world.get<AttemptView>(hive, `/v1/nodes/task-attempts/${attemptId}`);
}

export function untilComplete(world: World, hive: HiveHandle, attemptId: string, timeoutMs = 60_000): Promise<void> {
  const isComplete = async () => (await attemptOf(world, hive, attemptId)).sync.state === 'complete';
  return until(isComplete, timeoutMs, `attempt ${attemptId} is complete`);
}

/** All lines of an attempt, read page by page. */
export async function logOf(world: World, hive: HiveHandle, attemptId: string): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  let cursor = '';
  for (;;) {
    const page: LogPage = await world.get(hive, `/v1/swarm/attempts/${attemptId}/logs?limit=10000${cursor}`);
    entries.push(...page.entries);
    if (!page.has_more) return entries;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor ?? '')}`;
  }
}

/** The lines of an attempt's executions as its node has them. */
export function recordedLog(agent: NodeAgent, { executions }: AttemptView): Omit<LogEntry, 'id' | 'seq'>[] {
  return executions.flatMap(({ id }) => agent.lines(id)).map((line) => JSON.parse(line) as LogEntry);
}
