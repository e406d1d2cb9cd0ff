import { expect, test } from '@jest/globals';
import type { Schemas } from './api.js';
import { logText } from './log-text.js';
import { marked } from './found-lines.js';

type LogEntry = Schemas['LogEntry'];
const entry = (content: string, change: Partial<LogEntry> = {}): LogEntry => ({
  ...{ id: 1, execution_id: 'e', seq: 1, output_type: 'stdout', timestamp: '2026-11-27T00:00:00Z', content },
  ...change,
});
const HOSTILE = '\u001b[31mred\u001b[0m\u001b[2J\u001b]0;t\u0007\tx\u202e\r';

test('colours stay where they are wanted; nothing else commands a terminal', () => {
  expect(logText({ colour: true })(entry(HOSTILE))).toBe(
    '\u001b[31mred\u001b[0m\\u001b[2J\\u001b]0;t\\u0007\tx\\u202e\u001b[0m\n',
  );
  expect(logText({ colour: false })(entry(HOSTILE))).toBe('red\\u001b[2J\\u001b]0;t\\u0007\tx\\u202e\n');
});

test('raw is exactly what was printed', () => {
  expect(logText({ colour: false, raw: true })(entry(HOSTILE))).toBe(`${HOSTILE}\n`);
});

test('a line that came in parts is one line, whatever stands between them; what is not ended comes at the end', () => {
  const text = logText({ colour: false, timestamps: true });
  expect(text(entry('one ', { partial: true, timestamp: 'T1' }))).toBe('');
  expect(text(entry('other', { output_type: 'stderr', timestamp: 'T2' }))).toBe('T2 other\n');
  expect(text(entry('line', { timestamp: 'T3' }))).toBe('T1 one line\n');
  expect(text(entry('prompt> ', { partial: true, timestamp: 'T4' }))).toBe('');
  expect(text()).toBe('T4 prompt> \n');
  expect(text()).toBe('');
});

test('what matches is marked by bytes, only for a terminal', () => {
  expect(marked({ content: 'é \u001b[2Jrare', ranges: [[6, 10]] })).toBe('é \\u001b[2Jrare');
});
