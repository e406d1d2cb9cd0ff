import { expect, test } from '@jest/globals';
import { whyMissing } from './why-missing.js';

const why = (reason: string, firstSeq = 4001, lastSeq: number | null = 9000) =>
  whyMissing({ executionId: 'e', firstSeq, lastSeq, reason }, 'build-7');

test.each([
  ['not_stored_yet', 'Lines 4,001 to 9,000 are still at node build-7.'],
  [
    'replaced',
    'Node build-7 has this log in a newer version than the hive. Lines 4,001 to 9,000 of it are still at the node.',
  ],
  ['gap', 'Lines 4,001 to 9,000 are still at node build-7: what came after arrived without them.'],
  ['will_not_come: not_found', 'Lines 4,001 to 9,000 will not come: the node no longer has the attempt.'],
  ['will_not_come', 'Lines 4,001 to 9,000 will not come: the node can not give it.'],
])('%s is told in a sentence', (reason, sentence) => {
  expect(why(reason)).toBe(sentence);
});

test('one line, and lines whose end is not known, are told as such', () => {
  expect(why('not_stored_yet', 5, 5)).toBe('Line 5 is still at node build-7.');
  expect(why('gap', 5, null)).toMatch(/^Lines from 5 on may be missing, .* Node build-7 still has them\.$/);
});

test.each([
  ['page_not_gzip', 'what node build-7 sent of them is damaged (page_not_gzip)'],
  ['unreadable_at_node_internal', 'node build-7 could not read them (unreadable_at_node_internal)'],
  ['lines_missing_at_node', 'node build-7 has fewer of them than it says (lines_missing_at_node)'],
  ['not_found_at_node', 'node build-7 no longer has them (not_found_at_node)'],
  ['something_new', 'the hive refused them (something_new)'],
])('lines that were set aside (%s) say why, and when they are tried again', (reason, part) => {
  expect(why(reason)).toContain(`could not be stored: ${part}. They are tried again when`);
});
