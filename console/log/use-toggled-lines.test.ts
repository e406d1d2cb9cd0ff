import { expect, test } from '@jest/globals';
import { linesOfLog, toggled } from './use-toggled-lines.js';

test('lines that are opened in one log are not open in another, nor when the first comes back', () => {
  const opened = toggled(toggled({ of: 'a', lines: new Set() }, 'a', 5), 'a', 7);
  expect([...linesOfLog(opened, 'a')]).toEqual([5, 7]);
  expect([...linesOfLog(opened, 'b')]).toEqual([]);
  const other = toggled(opened, 'b', 7);
  expect([...linesOfLog(other, 'b')]).toEqual([7]);
  expect([...linesOfLog(other, 'a')]).toEqual([]);
  expect([...linesOfLog(toggled(other, 'b', 7), 'b')]).toEqual([]);
});
