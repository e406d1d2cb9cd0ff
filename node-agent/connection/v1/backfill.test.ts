import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { nodeFrameV1, type BackfillRequestV1, type NodeFrameV1 } from '../../../protocol/v1/frames.js';
import { encodeLine } from '../../../protocol/page.js';
import { appendLines } from '../../store/append-lines.js';
import {
  addLines,
  endedExecution,
  startExecution,
  temporaryStore,
  type TemporaryStore,
} from '../../testing/temporary-store.js';
import { answerBackfill } from './backfill.js';

let temporary: TemporaryStore;
beforeEach(() => {
  temporary = temporaryStore();
});
afterEach(() => temporary.remove());

function answer(request: Partial<BackfillRequestV1>): NodeFrameV1[] {
  const whole: BackfillRequestV1 = {
    message_id: randomUUID(),
    backfill_type: 'full_attempt',
    entity_ids: [],
    logs_after: null,
  };
  return [...answerBackfill(temporary.store, { ...whole, ...request })].map((text) =>
    nodeFrameV1.parse(JSON.parse(text)),
  );
}

/** An attempt of a shared task. @param lines how many lines each execution has, in order of creation */
function attemptWith(...lines: number[]): { attemptId: string; executionIds: string[] } {
  const attemptId = randomUUID();
  const executionIds = lines.map((count, index) => {
    const createdAt = `2026-01-02T03:0${lines.length - index}:00.000Z`; // recorded last to first
    return endedExecution(temporary.store, { attemptId, lines: count, createdAt }).id;
  });
  temporary.store.prepare('UPDATE attempt SET shared_task_id = ? WHERE id = ?').run(randomUUID(), attemptId);
  return { attemptId, executionIds: executionIds.reverse() };
}

const shape = (frames: NodeFrameV1[]) => frames.map(({ type }) => type);

test('full_attempt: the attempt, then each execution and its logs, in order of creation', () => {
  const { attemptId, executionIds } = attemptWith(2, 0, 3);
  const frames = answer({ entity_ids: [attemptId] });
  expect(shape(frames)).toEqual([
    'attempt_sync',
    'execution_sync',
    'logs_batch',
    'execution_sync',
    'execution_sync',
    'logs_batch',
    'backfill_response',
  ]);
  const sent = frames.flatMap((frame) => (frame.type === 'execution_sync' ? [frame.data.execution_id] : []));
  expect(sent).toEqual(executionIds);
  expect(frames.at(-1)?.data).toMatchObject({ success: true, error: null, entities_sent: 1 });
});

test('executions or logs alone are sent, and counted', () => {
  const { attemptId } = attemptWith(2, 0, 3);
  const executions = answer({ backfill_type: 'executions', entity_ids: [attemptId] });
  expect(shape(executions)).toEqual(['execution_sync', 'execution_sync', 'execution_sync', 'backfill_response']);
  expect(executions.at(-1)?.data).toMatchObject({ entities_sent: 3 });
  const logs = answer({ backfill_type: 'logs', entity_ids: [attemptId] });
  expect(shape(logs)).toEqual(['logs_batch', 'logs_batch', 'backfill_response']);
  expect(logs.at(-1)?.data).toMatchObject({ entities_sent: 2 });
});

test('logs_after selects strictly later lines, to the millisecond; full_attempt ignores it', () => {
  const { attemptId, executionIds } = attemptWith(0);
  const key =
    temporary.store.prepare<{ key: number }>('SELECT key FROM execution WHERE id = ?').get(executionIds[0])?.key ?? 0;
  const times = ['2026-02-01T10:00:00.123Z', '2026-02-01T10:00:00.123999Z', '2026-02-01T10:00:00.124Z'];
  const lines = times.map((timestamp) => encodeLine({ output_type: 'stdout', content: timestamp, timestamp }));
  temporary.store.prepare("UPDATE execution SET status = 'running' WHERE key = ?").run(key);
  temporary.store.write(() => appendLines(temporary.store, key, 0, lines));
  const logs_after = '2026-02-01T10:00:00.123Z';
  const [logs] = answer({ backfill_type: 'logs', entity_ids: [attemptId], logs_after });
  expect(logs).toMatchObject({ type: 'logs_batch', data: { entries: [{ content: times[2] }] } });
  const full = answer({ entity_ids: [attemptId], logs_after })[2];
  expect(full?.type === 'logs_batch' && full.data.entries).toHaveLength(3);
});

test('an unknown attempt is an error that names it, and the others are sent; one that is not shared succeeds', () => {
  const { attemptId } = attemptWith(1);
  const unknown = randomUUID();
  const { attempt_id: unshared } = endedExecution(temporary.store, { lines: 2 });
  const frames = answer({ entity_ids: [unknown, unshared, attemptId] });
  expect(shape(frames)).toEqual(['attempt_sync', 'execution_sync', 'logs_batch', 'backfill_response']);
  expect(frames.at(-1)?.data).toMatchObject({
    success: false,
    error: `${unknown}: sync error: attempt ${unknown} not found`,
    entities_sent: 1,
  });
  expect(answer({ entity_ids: [unshared] }).map(({ data }) => data)).toMatchObject([
    { success: true, entities_sent: 0 },
  ]);
  expect(answer({}).map(({ data }) => data)).toMatchObject([{ success: true, error: null, entities_sent: 0 }]);
});

test('a large log comes in several batches below 8 MiB, each line once and in order', () => {
  const { key, id, attempt_id: attemptId } = startExecution(temporary.store);
  temporary.store.prepare('UPDATE attempt SET shared_task_id = ? WHERE id = ?').run(randomUUID(), attemptId);
  const line = (index: number) =>
    encodeLine({ output_type: 'stdout', content: `${index} `.padEnd(200_000, 'x'), timestamp: '2026-02-01T10:00:00Z' });
  const lines = Array.from({ length: 90 }, (_, index) => line(index)); // 18 MB
  temporary.store.write(() => appendLines(temporary.store, key, 0, lines));
  addLines(temporary.store, key, 1);
  const request: BackfillRequestV1 = {
    message_id: randomUUID(),
    backfill_type: 'logs',
    entity_ids: [attemptId],
    logs_after: null,
  };
  const texts = [...answerBackfill(temporary.store, request)].slice(0, -1);
  expect(texts.length).toBeGreaterThan(2);
  for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThan(8 * 1024 * 1024);
  const entries = texts.flatMap((text) => {
    const { data } = JSON.parse(text) as { data: { execution_process_id: string; entries: { content: string }[] } };
    expect(data.execution_process_id).toBe(id);
    return data.entries;
  });
  expect(entries).toHaveLength(91);
  expect(entries.slice(0, 90).map(({ content }) => Number.parseInt(content, 10))).toEqual(
    lines.map((_, index) => index),
  );
});
