import { expect, test } from '@jest/globals';
import { countChanges, diffLines, hunkLines, patchLines, type DiffLine } from './edit-diff.js';

const SIGNS = { same: ' ', added: '+', removed: '-', hunk: '@' };
const shown = (lines: readonly DiffLine[]) => lines.map(({ kind, text }) => SIGNS[kind] + text);
const diff = (before: string, after: string) => diffLines({ path: 'a', before, after });

test('an edit is shown with a little of what is around it', () => {
  const before = Array.from({ length: 20 }, (_, index) => `line ${index}`).join('\n');
  const lines = diff(before, before.replace('line 10', 'line ten'));
  expect(shown(lines)).toEqual([
    ...[7, 8, 9].map((index) => ` line ${index}`),
    '-line 10',
    '+line ten',
    ...[11, 12, 13].map((index) => ` line ${index}`),
  ]);
  expect(countChanges(lines)).toEqual({ added: 1, removed: 1 });
});

test('a new file is all added, an emptied one all removed', () => {
  expect(shown(diff('', 'a\nb\n'))).toEqual(['+a', '+b']);
  expect(shown(diff('a\r\nb', ''))).toEqual(['-a', '-b']);
});

test('two large texts that have next to nothing in common are not compared to the end', () => {
  const text = (prefix: string) => Array.from({ length: 6000 }, (_, index) => `${prefix} ${index}`);
  const beside = (prefix: string) => [...text(prefix), 'in both', ...text(prefix)].slice(3000, 9001).join('\n');
  // the line that both have would only be found after millions of steps
  expect(countChanges(diff(beside('a'), beside('b')))).toEqual({ added: 6001, removed: 6001 });
});

test('hunks that know their place say it, and a patch of somebody else stays as it is', () => {
  expect(shown(hunkLines([{ oldStart: 11, newStart: 12, lines: [' a', '-b', '+c'] }]))).toEqual([
    '@line 12, formerly 11',
    ' a',
    '-b',
    '+c',
  ]);
  expect(shown(patchLines('*** Begin Patch\n@@ x\n-a\n+b\n c\n'))).toEqual([
    '@*** Begin Patch',
    '@@@ x',
    '-a',
    '+b',
    ' c',
  ]);
});
