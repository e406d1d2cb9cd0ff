import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Line } from './line.js';
import { LineStore } from './line-store.js';
import { styleBefore } from './segment-styles.js';

const line = (seq: number, content = `line ${seq}`, type: Line['type'] = 'stdout'): Line => ({
  seq,
  type,
  content,
  at: '2026-01-01T10:00:00Z',
  isPartial: false,
});
const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => line(from + index));

describe('the store of lines', () => {
  test('knows each line that it was given, in whatever order and overlap', () => {
    const range = fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 0, max: 1200 }));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 8 }), (ranges) => {
        const store = new LineStore();
        const given = new Set<number>();
        for (const [from, length] of ranges) {
          store.insert(from, from + length, lines(from, from + length));
          for (let seq = from; seq <= from + length; seq++) given.add(seq);
        }
        for (let seq = 1; seq < 4300; seq += 7) expect(store.line(seq)?.seq).toBe(given.has(seq) ? seq : undefined);
        expect(store.lines).toBe(given.size);
        const { segments } = store;
        for (const [index, segment] of segments.entries()) {
          expect(segment.from).toBeGreaterThan(segments[index - 1]?.to ?? 0);
        }
      }),
    );
  });

  test('tells lines that a filter holds back from those that are not known', () => {
    const store = new LineStore();
    store.insert(10, 40, [line(12), line(30)]);
    expect(store.line(12)?.seq).toBe(12);
    expect(store.line(13)).toBeUndefined();
    expect(store.covering(13)).toBeDefined();
    expect(store.covering(41)).toBeUndefined();
  });

  test('stays bounded over a million followed lines, and keeps the last', () => {
    const store = new LineStore();
    for (let seq = 1; seq <= 1_000_000; seq++) {
      store.append(seq - 1, line(seq, 'x'));
      store.evict(seq, seq);
    }
    expect(store.lines).toBeLessThanOrEqual(16_000);
    expect(store.line(1_000_000)).toBeDefined();
    expect(store.line(999_000)).toBeDefined();
    expect(store.line(1)).toBeUndefined();
  });

  test('keeps what is read while others arrive at the end', () => {
    const store = new LineStore();
    store.insert(1, 1000, lines(1, 1000));
    for (let seq = 1001; seq <= 40_000; seq++) {
      store.append(seq - 1, line(seq));
      store.evict(200, 260);
    }
    expect(store.line(230)).toBeDefined();
    expect(store.lines).toBeLessThanOrEqual(16_000);
  });

  test('drops a line that hangs together with nothing', () => {
    const store = new LineStore();
    store.insert(1, 10, lines(1, 10));
    store.append(20, line(21));
    store.append(9, line(10));
    expect(store.line(21)).toBeUndefined();
    expect(store.lines).toBe(10);
  });
});

describe('the style at the beginning of a line', () => {
  const red = '\x1b[31m';

  test('is what lines before left, also in a segment that was loaded earlier', () => {
    const store = new LineStore();
    store.insert(501, 1000, lines(501, 1000));
    expect(styleBefore(store, line(600)).foreground).toBeUndefined();
    store.insert(1, 500, [line(1, `${red}begin`), ...lines(2, 500)]);
    expect(styleBefore(store, line(600)).foreground).toEqual({ named: 1 });
  });

  test('is its stream’s own', () => {
    const store = new LineStore();
    store.insert(1, 4, [line(1, `${red}out`), line(2, 'err', 'stderr'), line(3, 'told', 'system'), line(4)]);
    const named = [2, 3, 4].map((seq) => styleBefore(store, store.line(seq) ?? line(seq)).foreground);
    expect(named).toEqual([undefined, undefined, { named: 1 }]);
  });

  test('goes on through lines that arrive', () => {
    const store = new LineStore();
    store.append(0, line(1, red));
    expect(styleBefore(store, line(1)).foreground).toBeUndefined();
    for (let seq = 2; seq < 700; seq++) store.append(seq - 1, line(seq));
    expect(styleBefore(store, line(699)).foreground).toEqual({ named: 1 });
  });
});
