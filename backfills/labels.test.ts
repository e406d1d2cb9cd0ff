import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { BackfillInput } from './definitions.js';
import { drainSummary, labelledOptions, plainMarkdown } from './labels.js';

const input: BackfillInput = {
  attemptId: randomUUID(),
  nodeId: randomUUID(),
  organizationId: randomUUID(),
  trigger: 'reconnect',
  type: 'full_attempt',
  nodeTimeoutSeconds: 1,
};
const summaryOf = (title: string | null, nodeName: string | null) =>
  labelledOptions(input, { title, nodeName }).staticSummary;

test('a backfill is shown with its title and node, and its id', () => {
  expect(summaryOf('Fix the login', 'laptop')).toBe(`reconnect: Fix the login on laptop (attempt ${input.attemptId})`);
  expect(summaryOf(null, 'laptop')).toBe(`reconnect: on laptop (attempt ${input.attemptId})`);
  expect(summaryOf(' ', null)).toBe(`reconnect: attempt ${input.attemptId}`);
  expect(drainSummary('id', 'laptop')).toBe('drain of node laptop (id)');
  expect(drainSummary('id', null)).toBe('drain of node id');
});

test('a title is text and no markup, in one line', () => {
  const title = '# **a** [b](https://evil.example) `c`\n<img src=x>\u001b[2J\u202e me@evil.example www.evil.example';
  expect(plainMarkdown(title, 1000)).toBe(
    '\\# \\*\\*a\\*\\* \\[b\\](https: //evil.example) \\`c\\` \\<img src=x\\> \\[2J me @evil.example www .evil.example',
  );
});

test('Temporal takes the summary of any title and name: at most 400 bytes of JSON', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.constantFrom(
      '\\'.repeat(500),
      '𝒳'.repeat(500),
      '*'.repeat(500),
      '\ud800'.repeat(500),
      '\0'.repeat(500),
      '@'.repeat(500),
    ),
  );
  const bytes = (summary: string) => Buffer.byteLength(JSON.stringify(summary));
  fc.assert(
    fc.property(anyText, anyText, (title, name) => {
      expect(bytes(summaryOf(title, name))).toBeLessThanOrEqual(400);
      expect(bytes(drainSummary(input.nodeId, name))).toBeLessThanOrEqual(400);
      expect(summaryOf(title, name)).not.toMatch(/[\p{Cc}\u202e]/u);
    }),
  );
});
