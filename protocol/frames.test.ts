import { expect, test } from '@jest/globals';
import { hiveFrame, nodeFrame } from './frames.js';
import { MAX_EXECUTOR_ACTION_BYTES, MAX_TEXT_FRAME_BYTES } from './limits.js';
import { decodeTextFrame, encodeTextFrame } from './text-frame.js';

const id = '6c23361f-9d71-49fb-8879-abd2aa2f8c48';
const execution = {
  execution_id: id,
  attempt_id: id,
  revision: 1,
  run_reason: 'codingagent',
  status: 'running',
  dropped: false,
  started_at: '2026-02-01T10:00:00Z',
  created_at: '2026-02-01T10:00:00Z',
  log_lines: 0,
  log_epoch: 1,
};
const decode = (data: object) => decodeTextFrame(nodeFrame, JSON.stringify({ type: 'execution_sync', data }));

test('optional fields may be absent or null, unknown ones are dropped, ids become lower case', () => {
  const frame = decode({ ...execution, execution_id: id.toUpperCase(), exit_code: null, news: 1 });
  expect(frame).toEqual({ type: 'execution_sync', data: { ...execution, exit_code: null } });
});

test('times keep their digits and become UTC', () => {
  const frame = decode({ ...execution, started_at: '2026-02-01T11:30:00.123456789+01:30' });
  expect(frame.data).toMatchObject({ started_at: '2026-02-01T10:00:00.123456789Z' });
});

test.each([
  ['revision', -1],
  ['revision', 1.5],
  ['revision', 2 ** 60],
  ['log_lines', 2 ** 31],
  ['log_epoch', '1'],
  ['status', 'done'],
  ['run_reason', 'coding_agent'],
  ['exit_code', 2 ** 31],
  ['started_at', '2026-02-01'],
  ['started_at', '2026-13-01T00:00:00Z'],
  ['started_at', '2026-01-01T25:00:00Z'],
  ['execution_id', 'x'],
  ['executor_action', { a: 'x'.repeat(MAX_EXECUTOR_ACTION_BYTES) }],
])('%s = %p is refused, naming the field', (field, value) => {
  expect(() => decode({ ...execution, [field]: value })).toThrow(`data.${field}`);
});

test('executor_action is any JSON, unchanged; its nesting is limited', () => {
  const action = '{"b":1,"a":["\\u0000","\\ud800"],"__proto__":{"x":null},"1":2}';
  const text = JSON.stringify({ type: 'execution_sync', data: execution }).replace(
    '"log_lines"',
    `"executor_action":${action},"log_lines"`,
  );
  const frame = decodeTextFrame(nodeFrame, text);
  expect(JSON.stringify((frame.data as { executor_action: unknown }).executor_action)).toBe(
    JSON.stringify(JSON.parse(action)),
  );
  const deep = JSON.parse('['.repeat(600) + ']'.repeat(600)) as object;
  expect(() => decode({ ...execution, executor_action: deep })).toThrow('nested');
});

test('a frame that is too large, not JSON, or of an unknown type is refused without quoting it', () => {
  expect(() => decodeTextFrame(nodeFrame, ' '.repeat(MAX_TEXT_FRAME_BYTES + 1))).toThrow('more than');
  expect(() => decodeTextFrame(nodeFrame, '{"secret')).toThrow(/^frame is not JSON$/);
  expect(() => decodeTextFrame(nodeFrame, '{"type":"secret"}')).toThrow(/^frame: type: /);
  expect(() => decodeTextFrame(nodeFrame, '{"type":"secret"}')).not.toThrow(/secret/);
});

test('what the hive sends is what a node reads', () => {
  const frame = { type: 'grant' as const, data: { request_id: id, pages: 3 } };
  expect(decodeTextFrame(hiveFrame, encodeTextFrame(frame))).toEqual(frame);
});
