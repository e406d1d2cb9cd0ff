import { expect, test } from '@jest/globals';
import { LineReader } from './line-reader.js';
import type { LogPage, PageQuery } from './log-requests.js';

const ORDINAL = 7 * 2 ** 36;
const { signal } = new AbortController();

/** A hive with one execution. */
function hiveOf(last: number) {
  const asked: PageQuery[] = [];
  const read = (_log: unknown, query: PageQuery): Promise<LogPage> => {
    asked.push(query);
    const { cursor, direction, limit } = query;
    const at = cursor === undefined ? undefined : Number(cursor) - ORDINAL;
    const [from, step] = direction === 'forward' ? [(at ?? 0) + 1, 1] : [Math.min((at ?? last + 1) - 1, last), -1];
    const numbers: number[] = [];
    for (let seq = from; seq >= 1 && seq <= last && numbers.length < limit; seq += step) numbers.push(seq);
    const end = (numbers.at(-1) ?? from - step) + step;
    return Promise.resolve({
      entries: numbers.map((seq) => ({
        id: ORDINAL + seq,
        execution_id: 'e',
        seq,
        output_type: 'stdout',
        content: `line ${seq}`,
        timestamp: '2026-01-01T10:00:00Z',
      })),
      has_more: end >= 1 && end <= last,
      total_count: last,
      next_cursor: null,
    });
  };
  return { reader: new LineReader({ attemptId: 'a', executionId: 'e' }, read), asked };
}

test('the end is one request, and any line is one more', async () => {
  const { reader, asked } = hiveOf(1_000_000);
  const end = await reader.end(1000, signal);
  expect([end.from, end.lines.at(-1)?.seq]).toEqual([999_001, 1_000_000]);
  const middle = await reader.forward(500_000, 100, signal);
  expect([middle.lines[0]?.seq, middle.to]).toEqual([500_000, 500_099]);
  expect(asked).toHaveLength(2);
});

test('a line can be the first that is asked for', async () => {
  const { reader } = hiveOf(1000);
  expect((await reader.forward(700, 10, signal)).lines[0]?.seq).toBe(700);
});

test('lines before a line come in their order', async () => {
  const { reader } = hiveOf(1000);
  const { from, to, lines } = await reader.backward(700, 10, signal);
  expect([from, to, lines[0]?.seq, lines.at(-1)?.seq]).toEqual([690, 699, 690, 699]);
});

test('the first and the last lines cover what is before and after them', async () => {
  const { reader } = hiveOf(20);
  expect((await reader.backward(5, 100, signal)).from).toBe(1);
  expect((await reader.forward(5, 100, signal)).to).toBe(Infinity);
});

test('a log without lines has none', async () => {
  const { reader } = hiveOf(0);
  expect((await reader.end(1000, signal)).lines).toEqual([]);
  expect((await reader.forward(1, 10, signal)).lines).toEqual([]);
});
