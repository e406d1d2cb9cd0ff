/** Answers a version 1 hive's backfill_request: all frames of the answer, in order, as text. */
import { ATTEMPT_NOT_FOUND, type BackfillRequestV1 } from '../../../protocol/v1/frames.js';
import { encodeTextFrame } from '../../../protocol/text-frame.js';
import { codeOf } from '../../errors.js';
import { findAttempt } from '../../store/attempts.js';
import { executionsAfter } from '../../store/executions.js';
import { readLines } from '../../store/read-lines.js';
import type { Store } from '../../store/open.js';
import type { ExecutionRow } from '../../store/rows.js';
import { attemptSyncV1, executionSyncV1, isShared, logsBatch, type SharedAttempt } from './metadata.js';

/** A hive accepts no frame above 16 MiB. A batch stays well below that, even with the largest line on top. */
const BATCH: { lines: number; rawBytes: number } = { lines: 1_000_000, rawBytes: 7 * 1024 * 1024 };

type Counted = Generator<string, number>;

/**
 * Sends the attempts one after another, then one response. An unknown attempt becomes an error that names it, and the
 * others are sent all the same. Nothing is sent of an attempt without a shared task.
 */
export function* answerBackfill(store: Store, request: BackfillRequestV1): Generator<string, void> {
  const errors: string[] = [];
  let sent = 0;
  for (const id of request.entity_ids) {
    try {
      const attempt = findAttempt(store, id);
      if (!attempt) errors.push(`${id}: sync error: attempt ${id} ${ATTEMPT_NOT_FOUND}`);
      else if (isShared(attempt)) sent += yield* sendAttempt(store, attempt, request);
    } catch (error) {
      errors.push(`${id}: the node cannot read it (${codeOf(error)})`);
    }
  }
  yield encodeTextFrame({
    type: 'backfill_response',
    data: {
      request_id: request.message_id,
      success: errors.length === 0,
      error: errors.length === 0 ? null : errors.join('; '),
      entities_sent: sent,
    },
  });
}

/** @returns how many entities were sent: attempts, executions or batches, depending on the request's type */
function* sendAttempt(store: Store, attempt: SharedAttempt, request: BackfillRequestV1): Counted {
  const { backfill_type: type, logs_after: logsAfter } = request;
  if (type === 'full_attempt') yield encodeTextFrame({ type: 'attempt_sync', data: attemptSyncV1(attempt) });
  let executions = 0;
  let batches = 0;
  for (const execution of [...executionsAfter(store, attempt.key)]) {
    executions++;
    if (type !== 'logs') yield encodeTextFrame({ type: 'execution_sync', data: executionSyncV1(execution) });
    if (type !== 'executions')
      batches += yield* sendLogs(store, attempt, execution, type === 'logs' ? logsAfter : null);
  }
  return { full_attempt: 1, executions, logs: batches }[type];
}

function* sendLogs(store: Store, attempt: SharedAttempt, execution: ExecutionRow, after: string | null): Counted {
  const afterMs = after === null ? -Infinity : Date.parse(after);
  let batches = 0;
  for (let seq = 0; ;) {
    const page = readLines(store, execution.key, seq, execution.log_lines, BATCH);
    if (!page) return batches;
    seq = page.lastSeq;
    const lines = after === null ? page.lines : page.lines.filter((line) => timeOf(line) > afterMs);
    if (lines.length === 0) continue;
    batches++;
    yield logsBatch(attempt, execution.id, lines);
  }
}

/** To the millisecond, as the original compares. */
function timeOf(line: string): number {
  return Date.parse((JSON.parse(line) as { timestamp: string }).timestamp);
}
