import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LineJoiner } from './line-joiner.js';
import type { LogLine, OutputType } from './page-line.js';

const entry = (content: string, partial = false, output_type: OutputType = 'stdout'): LogLine => ({
  output_type,
  content,
  timestamp: '2026-02-01T10:00:00.000Z',
  ...(partial && { partial }),
});

test('a line that came in parts is one line, where its last part came; other streams keep theirs', () => {
  const joiner = new LineJoiner();
  const text = [
    entry('Password: ', true),
    entry('warning: ', true, 'stderr'),
    entry('whole', false, 'system'),
    entry('***', true),
    entry('careful', false, 'stderr'),
    entry(''),
    entry('next'),
  ].map((line) => joiner.add(1, line));
  expect(text).toEqual(['', '', 'whole\n', '', 'warning: careful\n', 'Password: ***\n', 'next\n']);
  expect(joiner.end()).toBe('');
});

test('executions are kept apart, and what one of them leaves unfinished is let out at its end', () => {
  const joiner = new LineJoiner();
  const add = (execution: number, line: LogLine) => joiner.add(execution, line);
  expect([add(1, entry('a', true)), add(2, entry('b', true)), add(2, entry('B'))]).toEqual(['', '', 'bB\n']);
  expect([joiner.end(1), joiner.end(2), add(1, entry('c')), joiner.end()]).toEqual(['a\n', '', 'c\n', '']);
});

test('a line longer than what may be kept is let out as it comes, whole, and other lines wait behind it', () => {
  const joiner = new LineJoiner(10);
  const text = [
    entry('123456', true),
    entry('789012', true),
    entry('e', true, 'stderr'),
    entry('3', true),
    entry('rr', false, 'stderr'),
    entry('!'),
    entry('next'),
  ].map((line) => joiner.add(1, line));
  expect(text).toEqual(['', '123456789012', '', '3', '', '!\nerr\n', 'next\n']);
});

test('any entries: each line once, whole, in the order of its stream, whatever may be kept', () => {
  const any = fc.record({
    execution: fc.nat(2),
    type: fc.constantFrom<OutputType>('stdout', 'stderr'),
    // no newline, as a recorder's contents have none: what is joined can be split again
    content: fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'é') }),
    partial: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 60 }), fc.constantFrom(1_000_000, 0, 20), (entries, maxKept) => {
      const joiner = new LineJoiner(maxKept);
      let text = '';
      const expected: string[] = [];
      const begun = new Map<string, string>();
      for (const { execution, type, content, partial } of entries) {
        // each line says whose it is
        const key = `${execution}${type}`;
        const whole = begun.get(key) ?? `<${key}>`;
        text += joiner.add(execution, entry(begun.has(key) ? content : `<${key}>${content}`, partial, type));
        if (partial) begun.set(key, whole + content);
        else {
          begun.delete(key);
          expected.push(whole + content);
        }
      }
      text += joiner.end();
      const lines = text === '' ? [] : text.slice(0, -1).split('\n');
      const whole = [...expected, ...begun.values()];
      if (maxKept === 1_000_000) expect(lines).toEqual(whole);
      // where too little may be kept, a line can be cut, but nothing is lost or doubled
      const characters = (all: string[]) => Array.from(all.join('')).sort().join('');
      expect(characters(lines)).toBe(characters(whole));
    }),
    { numRuns: 2000 },
  );
});
