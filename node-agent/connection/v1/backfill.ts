/** Answers a version 1 hive's backfill_request: all frames of the answer, in order, as text. */
import { ATTEMPT_NOT_FOUND, type BackfillRequestV1 } from '../../../protocol/v1/frames.js';
import { encodeTextFrame } from '../../../protocol/text-frame.js';
import { codeOf } from '../../errors.js';
import { findAttempt } from '../../store/attempts.js';
import { executionsAfter } from '../../store/executions.js';
import { readLines } from '../../store/read-lines.js';
import type { Store } from '../../store/open.js';
import type { ExecutionRow } from '../../store/rows.js';
import { attemptSyncV1, executionSyncV1, isShared, logsBatches, type SharedAttempt } from './metadata.js';

/** A hive accepts no frame above 16 MiB. A batch stays well below that, even with the largest line on top. */
const BATCH: { lines: number; rawBytes: number } = { lines: 1_000_000, rawBytes: 7 * 1024 * 1024 };

type Counted = Generator<string, number>;

/** Which lines need not be sent again. */
export interface Delivery {
  /** @returns the last of the lines from 1 that the hive already has */
  through(execution: ExecutionRow): number;
  /** Called when the lines up to this one have been sent. */
  sent(execution: ExecutionRow, through: number): void;
}

/** A hive that recognises lines gets the whole log. */
const WHOLE: Delivery = { through: () => 0, sent: () => undefined };

/**
 * Sends the attempts one after another, then one response. An unknown attempt becomes an error that names it, and the
 * others are sent all the same. Nothing is sent of an attempt without a shared task.
 */
export function* answerBackfill(
  store: Store,
  request: BackfillRequestV1,
  delivery: Delivery = WHOLE,
): Generator<string, void> {
  const errors: string[] = [];
  let sent = 0;
  for (const id of request.entity_ids) {
    try {
      const attempt = findAttempt(store, id);
      if (!attempt) errors.push(`${id}: sync error: attempt ${id} ${ATTEMPT_NOT_FOUND}`);
      else if (isShared(attempt)) sent += yield* sendAttempt(store, attempt, request, delivery);
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
function* sendAttempt(store: Store, attempt: SharedAttempt, request: BackfillRequestV1, delivery: Delivery): Counted {
  const { backfill_type: type, logs_after: logsAfter } = request;
  if (type === 'full_attempt') yield encodeTextFrame({ type: 'attempt_sync', data: attemptSyncV1(attempt) });
  let executions = 0;
  let batches = 0;
  for (const execution of [...executionsAfter(store, attempt.key)]) {
    executions++;
    if (type !== 'logs') yield encodeTextFrame({ type: 'execution_sync', data: executionSyncV1(execution) });
    if (type !== 'executions')
      batches +=
        type === 'logs' && logsAfter !== null
          ? yield* sendLogs(store, attempt, execution, WHOLE, logsAfter)
          : yield* sendLogs(store, attempt, execution, delivery);
  }
  return { full_attempt: 1, executions, logs: batches }[type];
}

function* sendLogs(
  store: Store,
  attempt: SharedAttempt,
  execution: ExecutionRow,
  delivery: Delivery,
  after?: string,
): Counted {
  const afterMs = after === undefined ? -Infinity : Date.parse(after);
  let batches = 0;
  for (let seq = delivery.through(execution); ;) {
    const page = readLines(store, execution.key, seq, execution.log_lines, BATCH);
    if (!page) return batches;
    seq = page.lastSeq;
    const lines = after === undefined ? page.lines : page.lines.filter((line) => timeOf(line) > afterMs);
    const texts = logsBatches(attempt, execution.id, lines);
    batches += texts.length;
    yield* texts;
    delivery.sent(execution, seq);
  }
}

/** To the millisecond, as the original compares. */
function timeOf(line: string): number {
  return Date.parse((JSON.parse(line) as { timestamp: string }).timestamp);
}
