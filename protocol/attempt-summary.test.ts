import { expect, test } from '@jest/globals';
import { attemptFrame, executionFrame } from '../tests/harness/scripted-node.js';
import { attemptSyncData, executionSyncData } from './frames.js';

const attemptWith = (summary: unknown) => attemptSyncData.safeParse({ ...attemptFrame(), summary });

test('a summary has what is known of it; what a newer node adds is dropped', () => {
  const summary = { executor: 'CODEX', turns: 2, cost_usd: 0, last_message: 'a\0\ud800', ended_with_error: false };
  expect(attemptWith({ ...summary, mood: 'good' }).data?.summary).toEqual(summary);
  expect(attemptWith(null).data?.summary).toBeNull();
  expect(attemptSyncData.parse(attemptFrame())).not.toHaveProperty('summary');
  expect(attemptWith(JSON.parse('{"__proto__":{"turns":1}}')).data?.summary).toEqual({});
});

test.each([
  ['no object', 'text'],
  ['a list', []],
  ['a cost that is no number', { cost_usd: '1' }],
  ['an endless cost', { cost_usd: Infinity }],
  ['a negative cost', { cost_usd: -1 }],
  ['half a turn', { turns: 1.5 }],
  ['more tokens than can be counted', { output_tokens: 1e300 }],
  ['a last message that is too long', { last_message: 'x'.repeat(4097) }],
  ['a model that is too long', { model: 'x'.repeat(1025) }],
  ['more than 16 KiB of JSON', { last_message: '\0'.repeat(4096) }],
])('a summary with %s is refused', (_what, summary) => {
  expect(attemptWith(summary).success).toBe(false);
});

test.each([-1, 1.5, 2 ** 31, '1', true])('masked can not be %p', (masked) => {
  expect(executionSyncData.safeParse({ ...executionFrame(attemptFrame()), masked }).success).toBe(false);
});
