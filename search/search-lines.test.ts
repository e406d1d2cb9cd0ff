import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeLine, encodePageSync } from '../protocol/page.js';
import { compileQuery } from './compile-query.js';
import { searchLines, type PagesRead, type PartOfLog } from './search-lines.js';
import type { Lines } from './search-pages.js';

const timestamp = '2026-01-01T10:00:00.000Z';

/** Line n is `hit n`. */
function page({ firstSeq, lastSeq }: Lines) {
  const lines = Array.from({ length: lastSeq - firstSeq + 1 }, (_, index) =>
    encodeLine({ output_type: 'stdout', content: `hit ${firstSeq + index}`, timestamp }),
  );
  return { firstSeq, lastSeq, gzip: encodePageSync(lines.join('\n')) };
}

const matcher = compileQuery({ q: 'hit', regex: false, ignoreCase: false, words: false });
const bounds = { context: 0, maxMs: 60_000, maxCharacters: Infinity, organizationId: 'o', executionId: 'e' };

/** A log whose pages are read `atOnce` at a time. */
const logOf =
  (all: Lines[], storedLines: number, atOnce: number) =>
  ({ ranges, direction }: Pick<PartOfLog, 'ranges' | 'direction'>): Promise<PagesRead> => {
    const found = all.filter((lines) =>
      ranges.some(({ firstSeq, lastSeq }) => lines.firstSeq <= lastSeq && lines.lastSeq >= firstSeq),
    );
    if (direction === 'backward') found.reverse();
    return Promise.resolve({ storedLines, pages: found.slice(0, atOnce).map(page), more: found.length > atOnce });
  };

const range = (firstSeq: number, lastSeq: number): Lines => ({ firstSeq, lastSeq });
const seqs = ({ matches }: { matches: { seq: number }[] }) => matches.map(({ seq }) => seq);

test('however many pages are read at once, each line is looked at once, in the direction, up to the limit', async () => {
  const pages = [range(1, 2), range(3, 3), range(4, 7), range(8, 9), range(10, 12)];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom('forward' as const, 'backward' as const),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 13 }),
      async (one, other, direction, atOnce, limit) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const part: PartOfLog = { ...bounds, ranges: [range(from, to)], direction, limit };
        const found = await searchLines(matcher, part, logOf(pages, 12, atOnce));
        const lines = Array.from({ length: to - from + 1 }, (_, index) => from + index);
        const expected = (direction === 'forward' ? lines : lines.toReversed()).slice(0, limit);
        expect(seqs(found)).toEqual(expected);
        expect(found.damaged).toEqual([]);
        if (limit > lines.length) expect([found.isDone, found.lookedTo]).toEqual([true, expected.at(-1)]);
        if (!found.isDone) expect(found.lookedTo).toBe(expected.at(-1));
      },
    ),
  );
});

test('a page that has lines of several ranges is searched once', async () => {
  const part: PartOfLog = { ...bounds, ranges: [range(2, 3), range(6, 7)], direction: 'forward', limit: 100 };
  const found = await searchLines(matcher, part, logOf([range(1, 10)], 10, 1));
  expect([seqs(found), found.count, found.pages]).toEqual([[2, 3, 4, 5, 6, 7], 6, 1]);
});

test.each(['forward', 'backward'] as const)(
  '%s, lines that no page has are named with the damaged ones',
  async (to) => {
    const read = logOf([range(3, 4), range(6, 7), range(8, 8)], 9, 2);
    const damage = async (lines: Parameters<typeof read>[0]) => {
      const { pages, ...rest } = await read(lines);
      const gzip = Buffer.from('no gzip');
      return { ...rest, pages: pages.map((one) => (one.firstSeq === 6 ? { ...one, gzip } : one)) };
    };
    const part: PartOfLog = { ...bounds, ranges: [range(1, 9)], direction: to, limit: 100 };
    const { damaged, isDone, ...found } = await searchLines(matcher, part, damage);
    const places = [range(1, 2), range(5, 5), range(6, 7), range(9, 9)];
    expect(damaged).toEqual(to === 'forward' ? places : places.toReversed());
    expect([seqs(found).sort(), isDone]).toEqual([[3, 4, 8], true]);
  },
);

test('what a log that was replaced by a shorter one does not have is neither searched nor damaged', async () => {
  const part: PartOfLog = { ...bounds, ranges: [range(3, 9)], direction: 'forward', limit: 100 };
  const found = await searchLines(matcher, part, logOf([range(1, 5)], 5, 9));
  expect([seqs(found), found.damaged, found.lookedTo, found.isDone]).toEqual([[3, 4, 5], [], 5, true]);
  const beyond = await searchLines(matcher, { ...part, ranges: [range(7, 9)] }, logOf([range(1, 5)], 5, 9));
  expect([seqs(beyond), beyond.damaged, beyond.lookedTo, beyond.isDone]).toEqual([[], [], undefined, true]);
});

test('of a log that was deleted, nothing is found', async () => {
  const part: PartOfLog = { ...bounds, ranges: [range(1, 9)], direction: 'forward', limit: 100 };
  const found = await searchLines(matcher, part, () => Promise.resolve(undefined));
  expect(found).toEqual({ matches: [], count: 0, lookedTo: undefined, isDone: true, damaged: [], pages: 0 });
});
