/** The answer to describe_attempt. */
import type { FrameData, HiveFrame, NodeFrame, ExecutionSync } from '../../../protocol/frames.js';
import { MAX_DESCRIBED_BYTES, MAX_DESCRIBED_EXECUTIONS } from '../../../protocol/limits.js';
import { findAttempt } from '../../store/attempts.js';
import { executionsAfter, findExecution } from '../../store/executions.js';
import type { Store } from '../../store/open.js';
import { attemptSync, executionSync, type AttemptRow } from '../../store/rows.js';

/** Reads, in one snapshot, the attempt and as many of its executions as fit into one frame. */
export function describeAttempt(store: Store, request: FrameData<HiveFrame, 'describe_attempt'>): NodeFrame {
  return store.read(() => {
    const { request_id, attempt_id, after_execution_id } = request;
    const notFound = (what: string): NodeFrame => ({
      type: 'request_failed',
      data: { request_id, code: 'not_found', message: `this node has no such ${what}` },
    });
    const attempt = findAttempt(store, attempt_id);
    if (!attempt) return notFound('attempt');
    const after = after_execution_id == null ? undefined : findExecution(store, after_execution_id);
    if (after_execution_id != null && after?.attempt_key !== attempt.key) return notFound('execution of this attempt');
    return { type: 'attempt_described', data: { request_id, ...page(store, attempt, after) } };
  });
}

function page(store: Store, row: AttemptRow, after: { created_at: string; id: string } | undefined) {
  const attempt = attemptSync(row);
  const executions: ExecutionSync[] = [];
  let bytes = jsonBytes(attempt) + 256; // the frame's own names and brackets
  for (const executionRow of executionsAfter(store, row.key, after)) {
    const execution = executionSync(executionRow);
    bytes += jsonBytes(execution) + 1;
    const full = executions.length === MAX_DESCRIBED_EXECUTIONS || bytes > MAX_DESCRIBED_BYTES;
    if (full && executions.length > 0) return { attempt, executions, more: true };
    executions.push(execution);
  }
  return { attempt, executions, more: false };
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
