import { expect, test } from '@jest/globals';
import { attemptRows, ATTEMPT_COLUMNS } from './attempt-rows.js';
import { attemptLabel, type Attempt } from './attempt-text.js';
import { tableLines } from './table.js';
import { fit, widthOf } from './width.js';

const attempt = (change: Partial<Attempt>): Attempt => ({
  ...({ id: '32c13b35-ac7f-45bd-b436-f99cf0056a48', status: 'failed', exit_code: 3, sync_state: 'partial' } as Attempt),
  ...{ node_id: 'n', title: null, command: 'make test', executor: 'SHELL', lines_stored: 120, lines_declared: 300 },
  ...{ created_at: '2026-11-27T00:00:00Z' },
  ...change,
});
const rowsOf = (...attempts: Attempt[]) => attemptRows(attempts, () => 'a-node-with-a-very-long-name.example', true);

test.each([
  ['plain', 5],
  ['日本語', 6],
  ['👨‍👩‍👧', 2],
  ['e\u0301', 1],
])('%s takes %d columns', (text, columns) => expect(widthOf(text)).toBe(columns));

test('what is cut never takes more columns than there are, and no character is cut in two', () => {
  expect(fit('日本語', 5)).toBe('日本…');
  expect(fit('日本語', 4)).toBe('日…');
  expect(fit('x👨‍👩‍👧y', 3)).toBe('x…');
  expect(fit('abc', 0)).toBe('');
});

test.each([40, 60, 80, 120, 200])('a table of attempts fits a terminal of %d columns', (width) => {
  const rows = rowsOf(
    attempt({ title: '日本語のタイトル'.repeat(30) }),
    attempt({ title: 'x'.repeat(400) }),
    attempt({}),
  );
  const lines = tableLines(ATTEMPT_COLUMNS, rows, width);
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
  expect(lines[0]).toMatch(/^ATTEMPT {3,}STATUS .*TITLE OR COMM/);
  expect(lines[0]?.includes('EXECUTOR')).toBe(width > 80);
  expect(lines[3]).toContain('$ make test');
});

test('ids are as long as it takes to tell the attempts of a table apart', () => {
  const other = attempt({ id: '32c13b35-ac70-45bd-b436-f99cf0056a48' });
  expect(rowsOf(attempt({}), other).map(([id]) => id)).toEqual(['32c13b35-ac7f', '32c13b35-ac70']);
  expect(rowsOf(attempt({})).map(([id]) => id)).toEqual(['32c13b35']);
});

test('a title can neither command a terminal nor turn text around nor forge a row', () => {
  const label = attemptLabel(attempt({ title: 'a\u001b]0;owned\u0007\u009b2J\r\nrow\u202egnp.exe\u200f\ud800' }));
  expect(label).not.toMatch(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
  expect(label).toContain('\\u001b]0;owned');
});
