/** What tests read of the API. */
import type { HiveHandle, World } from './world.js';

export interface AttemptView {
  attempt: { id: string; sync_state: string; title: string | null };
  executions: { id: string; status: string; log_lines: number; stored_lines: number }[];
  is_complete: boolean;
  sync: {
    state: string;
    lines_declared: number;
    lines_stored: number;
    last_error: string | null;
    unavailable_reason: string | null;
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

/** All lines of an attempt, page by page. */
export async function* logOf(
  world: World,
  hive: HiveHandle,
  attemptId: string,
  limit = 10_000,
): AsyncGenerator<LogEntry> {
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: LogPage = await world.get(hive, `/v1/swarm/attempts/${attemptId}/logs?limit=${limit}${query}`);
    yield* page.entries;
    cursor = page.has_more ? page.next_cursor : null;
  } while (cursor !== null);
}
