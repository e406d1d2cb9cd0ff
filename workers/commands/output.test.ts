import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { print, printRows } from './output.js';

let written: string;
beforeEach(() => {
  written = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

const HOSTILE = 'a\u001b]0;owned\u0007\u001b[2J\u009b31m\rfake\nrow\u202egnp.exe';

test('what a node calls itself or its projects can neither command the terminal nor forge a row', () => {
  printRows([{ name: HOSTILE, nested: { name: HOSTILE }, path: 'ünï 🐎' }], {});
  expect(written.trimEnd().split('\n')).toHaveLength(2);
  expect(written).toContain('a\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u000dfake\\u000arow\\u202egnp.exe');
  expect(written).toContain('ünï 🐎');
  expect(written.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\u202e/u);
});

test('as JSON, the same names are data, and still no commands', () => {
  printRows([{ name: HOSTILE }], { json: true });
  print(JSON.stringify({ name: HOSTILE }));
  const [rows, object] = written.split('\n').map((line) => (line === '' ? undefined : (JSON.parse(line) as unknown)));
  expect([rows, object]).toEqual([[{ name: HOSTILE }], { name: HOSTILE }]);
  expect(written.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\u202e/u);
});
