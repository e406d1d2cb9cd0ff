import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { print } from '../output.js';
import { shortText } from './attempt-text.js';
import { printList, type ListOf } from './print-list.js';

let written: string;
let said: string;
beforeEach(() => {
  written = '';
  said = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

interface Row {
  name: string;
  path: string;
}
const LIST: ListOf<Row> = {
  columns: [{ title: 'NAME' }, { title: 'PATH' }],
  cells: ({ name, path }) => [shortText(name), shortText(path)],
  none: 'no rows; nobody makes one',
};
const HOSTILE = 'a\u001b]0;owned\u0007\u001b[2J\u009b31m\rfake\nrow\u202egnp.exe';

test('what a node calls itself or its projects can neither command the terminal nor forge a row', async () => {
  await printList([{ name: HOSTILE, path: 'ünï 🐎' }], LIST, {});
  expect(written.trimEnd().split('\n')).toHaveLength(2);
  expect(written).toContain('ünï 🐎');
  expect(written.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\u202e/u);
});

test('as JSON, one object a line, the same names are data, and in a terminal still no commands', async () => {
  const rows = [
    { name: HOSTILE, path: '/' },
    { name: 'b', path: '' },
  ];
  for (const isTTY of [false, true]) {
    written = '';
    const was = process.stdout.isTTY;
    process.stdout.isTTY = isTTY;
    try {
      await printList(rows, LIST, { json: true });
    } finally {
      process.stdout.isTTY = was;
    }
    const lines = written.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(rows);
    if (isTTY) expect(written.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\u202e/u);
  }
  written = '';
  print(JSON.stringify({ name: HOSTILE }));
  expect(JSON.parse(written)).toEqual({ name: HOSTILE });
  expect(written.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\u202e/u);
});

test('an empty list is nothing for a program, and a sentence for a person', async () => {
  await printList([], LIST, { json: true });
  expect([written, said]).toEqual(['', '']);
  await printList([], LIST, {});
  expect([written, said]).toEqual(['', 'no rows; nobody makes one\n']);
});
