import { describe, expect, test } from '@jest/globals';
import { tableLines } from './table.js';
import { printable } from '../../protocol/printable.js';
import { safeLine, visible } from '../../protocol/terminal-line.js';
import { columnsOf, fit } from './terminal-text.js';

describe('text that others wrote', () => {
  test.each([
    ['a\u001b]0;title\u0007b', 'a\\u001b]0;title\\u0007b'],
    ['a\u009b2Jb', 'a\\u009b2Jb'],
    ['two\nlines\r', 'two\\nlines\\r'],
    ['\u202egnp.exe', '\\u202egnp.exe'],
    ['Grüße 日本 👍', 'Grüße 日本 👍'],
  ])('%j is shown as %j in a title', (text, shown) => expect(visible(text)).toBe(shown));

  test('keeps its colours in a log, and nothing else', () => {
    expect(safeLine('\u001b[1;31mred\u001b[2J\tx\r')).toBe('\u001b[1;31mred\\u001b[2J\tx\u001b[0m');
    expect(safeLine('10%\r20%\r')).toBe('10%\\r20%');
    expect(safeLine('plain')).toBe('plain');
  });

  test('is the same JSON where that reaches a terminal', () => {
    const value = { content: 'a\u009b2J\u202e\u007f"' };
    const json = printable(JSON.stringify(value));
    expect(json).not.toMatch(/[\u007f-\u009f\u202e]/);
    expect(JSON.parse(json)).toEqual(value);
  });

  test('is cut by the columns that it takes up', () => {
    expect(fit('abcdef', 4)).toBe('abc…');
    expect(fit('日本語', 5)).toBe('日本…');
    expect(columnsOf(fit('日本語', 4))).toBeLessThanOrEqual(4);
    expect(fit('abc', 3)).toBe('abc');
  });
});

test.each([30, 60, 80, 120])('a table fits a terminal of %d columns', (width) => {
  const columns = [{ title: 'ID' }, { title: 'WHEN', leaveOut: 2 }, { title: 'HIVE', leaveOut: 1 }, { title: 'TITLE' }];
  const row = ['x'.repeat(36), '2026-01-01 00:00', 'not announced', 'a long title '.repeat(10)];
  const lines = tableLines(columns, [row], width);
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(width);
  expect(lines[0]?.includes('WHEN')).toBe(width >= 120);
  expect(tableLines(columns, [row])[1]).toContain('a long title a long title');
});
