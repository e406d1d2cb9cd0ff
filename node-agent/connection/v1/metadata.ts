/** What the store contains, as version 1's frames carry it. */
import type { AttemptSyncV1, ExecutionSyncV1 } from '../../../protocol/v1/frames.js';
import { attemptFields, executionFields, type AttemptRow, type ExecutionRow } from '../../store/rows.js';

/** An attempt that belongs to a shared task: version 1 knows no others. */
export type SharedAttempt = AttemptRow & { shared_task_id: string };

export function isShared(attempt: AttemptRow): attempt is SharedAttempt {
  return attempt.shared_task_id !== null;
}

export function attemptSyncV1(row: SharedAttempt): AttemptSyncV1 {
  return { ...attemptFields(row), assignment_id: null, shared_task_id: row.shared_task_id, executor_variant: null };
}

export function executionSyncV1(row: ExecutionRow): ExecutionSyncV1 {
  return executionFields(row);
}

/**
 * An original hive cannot store a line with U+0000, and drops the rest of its batch. So such lines travel without others.
 * @returns the frames as texts, in order: lines are stored in the form of their entries
 */
export function logsBatches(attempt: SharedAttempt, executionId: string, lines: readonly string[]): string[] {
  const head = { assignment_id: attempt.id, shared_task_id: attempt.shared_task_id, execution_process_id: executionId };
  const start = `{"type":"logs_batch","data":${JSON.stringify(head).slice(0, -1)},"entries":[`;
  return withoutNul(lines).map((batch) => `${start}${batch.join(',')}],"compressed":false}}`);
}

/** @returns the lines in as few batches as possible, each with lines that have U+0000 or with others */
function withoutNul(lines: readonly string[]): string[][] {
  const batches: string[][] = [];
  let hadNul: boolean | undefined;
  for (const line of lines) {
    const hasNul = line.includes('\\u0000'); // also after a backslash of the content: that costs only a frame
    if (hasNul === hadNul) batches.at(-1)?.push(line);
    else batches.push([line]);
    hadNul = hasNul;
  }
  return batches;
}
