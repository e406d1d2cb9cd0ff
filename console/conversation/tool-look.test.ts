import { expect, test } from '@jest/globals';
import { lookOf } from './tool-look.js';

test.each([
  ['Bash', { command: 'npm test\n&& echo', description: 'Run' }, { summary: 'npm test', command: 'npm test\n&& echo' }],
  ['shell', { command: ['bash', '-lc', 'ls'] }, { summary: 'bash -lc ls', command: 'bash -lc ls' }],
  ['Read', { file_path: '/a.ts', offset: 3 }, { summary: '/a.ts' }],
  ['read_file', { absolute_path: '/a.ts', content: 'no edit' }, { summary: '/a.ts' }],
  ['Grep', { pattern: 'x', path: 'src' }, { summary: 'src · x' }],
  ['Task', { description: 'Look', prompt: 'Find it' }, { summary: 'Look', prose: 'Find it' }],
  ['ExitPlanMode', { plan: '# Plan\n1. a' }, { summary: '# Plan', prose: '# Plan\n1. a' }],
  ['apply_patch', { patchText: '*** Begin Patch' }, { summary: '', patch: '*** Begin Patch' }],
  [
    'file change',
    {
      changes: [
        { path: 'a.ts', kind: 'add' },
        { path: 'b.ts', kind: 'update' },
      ],
    },
    { summary: 'add a.ts, update b.ts' },
  ],
  ['anything', 'plain text\nmore', { summary: 'plain text' }],
  ['anything', null, { summary: '' }],
])('%s %j', (name, input, look) => {
  expect(lookOf(name, input)).toEqual(look);
});

test.each([
  ['Edit', { file_path: 'a.ts', old_string: 'x', new_string: 'y' }],
  ['edit', { filePath: 'a.ts', oldString: 'x', newString: 'y' }],
  ['str_replace_editor', { command: 'str_replace', path: 'a.ts', old_str: 'x', new_str: 'y' }],
  ['MultiEdit', { file_path: 'a.ts', edits: [{ old_string: 'x', new_string: 'y' }] }],
])('%s is an edit', (name, input) => {
  expect(lookOf(name, input)).toEqual({ summary: 'a.ts', edits: [{ path: 'a.ts', before: 'x', after: 'y' }] });
});

test('a file that is written is an edit of nothing, and one that is emptied leaves nothing', () => {
  expect(lookOf('Write', { file_path: 'a.ts', content: 'x' }).edits).toEqual([
    { path: 'a.ts', before: '', after: 'x' },
  ]);
  expect(lookOf('Edit', { file_path: 'a.ts', old_string: 'x', new_string: '' }).edits).toHaveLength(1);
});

test('lists of things to do, as agents write them', () => {
  const look = lookOf('TodoWrite', {
    todos: [
      { content: 'a', status: 'completed' },
      { text: 'b', completed: true },
      { description: 'c', status: 'in_progress' },
      { content: 'd' },
    ],
  });
  expect(look.summary).toBe('2 of 4 done');
  expect(look.todos?.map(({ status }) => status)).toEqual(['completed', 'completed', 'in_progress', 'pending']);
  expect(lookOf('TodoWrite', { todos: ['?'] }).todos).toBeUndefined();
});
