import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Line } from './line.js';
import { LineStore } from './line-store.js';
import { LogRows } from './log-rows.js';
import { LogScreen } from './log-screen.js';
import { scrollHeight, scrollTop } from './scroll-place.js';

const line = (seq: number): Line => ({ seq, type: 'stdout', content: '', at: '', isPartial: false });
const missing = (first: number, last: number | null) => ({
  execution_id: 'e',
  first_seq: first,
  last_seq: last,
  reason: 'not_stored_yet',
  explanation: 'still there',
});

function open(last: number, isFiltered = false): LogScreen {
  const rows = new LogRows(new LineStore(), isFiltered);
  rows.last = last;
  const screen = new LogScreen(rows);
  screen.height = 400;
  return screen;
}

const keysOf = (screen: LogScreen): number[] => {
  const { rows, top } = screen.layout();
  let y = top;
  return rows.flatMap((row) => {
    const height = screen.heightOf(row);
    y += height;
    return y > 0 && y - height < screen.height ? [row.key] : [];
  });
};

describe('a screen of a million lines', () => {
  test('ends with the last line, and begins with the first', () => {
    const screen = open(1_000_000);
    screen.toEnd();
    expect([keysOf(screen)[0], keysOf(screen).at(-1)]).toEqual([999_981, 1_000_000]);
    expect(screen.share).toBe(1);
    screen.toStart();
    expect([keysOf(screen)[0], screen.share]).toEqual([1, 0]);
  });

  test('shows any line where it is asked for', () => {
    const screen = open(1_000_000);
    screen.show(500_000, 'top');
    expect(keysOf(screen)[0]).toBe(500_000);
    screen.show(500_010, 'near');
    expect(keysOf(screen)[0]).toBe(500_000);
    screen.show(500_030, 'near');
    expect(keysOf(screen).at(-1)).toBe(500_030);
  });

  test('moves by pixels as an element of 20 million px would, though it has only 8', () => {
    const screen = open(1_000_000);
    screen.show(500_000, 'top');
    fc.assert(
      fc.property(fc.integer({ min: -3000, max: 3000 }), (delta) => {
        const before = (screen.anchor.key - 1) * 20 + screen.anchor.offset;
        screen.moveBy(delta);
        expect((screen.anchor.key - 1) * 20 + screen.anchor.offset).toBe(before + delta);
      }),
    );
    expect(scrollHeight(screen)).toBe(8_000_000);
  });

  test('stands where its scroll bar stands', () => {
    const screen = open(1_000_000);
    for (const share of [0, 0.1, 0.5, 0.999, 1]) {
      screen.toShare(share);
      expect(scrollTop(screen, 8_000_000) / (8_000_000 - 400)).toBeCloseTo(share, 5);
    }
  });
});

describe('a screen', () => {
  test('of fewer lines scrolls as the browser does', () => {
    const screen = open(1000);
    screen.moveBy(1234);
    expect(scrollHeight(screen)).toBe(20_000);
    expect(scrollTop(screen, 20_000)).toBe(1234);
  });

  test('stops at both ends', () => {
    const screen = open(100);
    screen.moveBy(-50);
    expect(screen.anchor).toEqual({ key: 1, offset: 0 });
    screen.moveBy(1_000_000);
    expect(screen.anchor).toEqual(screen.end());
    expect(keysOf(screen).at(-1)).toBe(100);
  });

  test('that is higher than its log has nothing to scroll', () => {
    const screen = open(3);
    screen.moveBy(100);
    expect(screen.anchor).toEqual({ key: 1, offset: 0 });
    expect(scrollHeight(screen)).toBeLessThanOrEqual(400);
  });

  test('keeps its top row where it is when rows above and below turn out higher', () => {
    const screen = open(1000);
    screen.forget(true);
    screen.show(500, 'top');
    screen.moveBy(7);
    const { rows } = screen.layout();
    for (const row of rows) screen.measured(row.key, row.key % 3 === 0 ? 60 : 20);
    expect(screen.anchor).toEqual({ key: 500, offset: 7 });
    const layout = screen.layout();
    expect(screen.topOf(layout.rows)).toBe(layout.top);
  });

  test('can be scrolled though a few wrapped lines fill it many times', () => {
    const screen = open(3);
    screen.forget(true);
    for (const key of [1, 2, 3]) screen.measured(key, 900);
    expect(scrollHeight(screen)).toBeGreaterThan(400);
    screen.toEnd();
    expect(screen.anchor).toEqual({ key: 3, offset: 500 });
    screen.moveBy(-900);
    expect(screen.anchor).toEqual({ key: 2, offset: 500 });
  });
});

describe('a line that is shown', () => {
  test('stays where it is put, however high the rows above turn out to be', () => {
    const screen = open(1000);
    screen.forget(true);
    screen.show(500, 'third');
    const yOf = () => {
      const { rows, top } = screen.layout();
      return rows.filter(({ key }) => key < 500).reduce((y, row) => y + screen.heightOf(row), top);
    };
    const y = yOf();
    expect(y).toBeGreaterThan(100);
    for (let key = 400; key < 600; key++) screen.measured(key, 200);
    expect(yOf()).toBeCloseTo(y);
    screen.moveBy(-30);
    expect(yOf()).toBeCloseTo(y + 30);
  });

  test('leaves no room above the first line, nor below the last', () => {
    const screen = open(1000);
    screen.show(3, 'third');
    expect(screen.layout().top).toBeCloseTo(0);
    expect(keysOf(screen)[0]).toBe(1);
    screen.show(999, 'third');
    expect(keysOf(screen).at(-1)).toBe(1000);
  });
});

describe('lines that are not there', () => {
  test('are one row in their place, and follow what has been stored since', () => {
    const screen = open(4000);
    screen.rows.setMissing([missing(4001, 9000)]);
    screen.toEnd();
    expect(keysOf(screen).at(-1)).toBe(4001);
    screen.rows.last = 5000;
    screen.toEnd();
    expect(keysOf(screen).at(-1)).toBe(5001);
    screen.rows.last = 9000;
    expect(screen.rows.missing).toEqual([]);
  });

  test('are one row in the middle if they are damaged', () => {
    const { rows } = open(3000);
    rows.addDamaged(1001, 2000, 'damaged');
    const before = rows.at(1000);
    const gap = before && rows.after(before);
    const after = gap && rows.after(gap);
    expect([gap?.kind, gap?.key, after?.key]).toEqual(['gap', 1001, 2001]);
    expect(rows.at(1500)?.key).toBe(1001);
    expect(after && rows.before(after)?.key).toBe(1001);
    expect(rows.count).toBe(2001);
    expect(rows.seqAt(rows.indexOf(2500))).toBe(2500);
  });

  test('are all there is of a log of which nothing has come', () => {
    const { rows } = open(0);
    rows.setMissing([missing(1, null)]);
    expect(rows.lastRow?.kind).toBe('gap');
    expect(rows.count).toBe(1);
  });
});

describe('a filtered log', () => {
  function filtered(): LogRows {
    const { rows } = open(1000, true);
    rows.total = 100;
    rows.store.insert(101, 200, [line(110), line(150), line(190)]);
    return rows;
  }

  test('shows what passes, one after the other', () => {
    const rows = filtered();
    expect(rows.at(101)?.key).toBe(110);
    const row = rows.at(111);
    expect([row?.key, row && rows.after(row)?.key, row && rows.before(row)?.key]).toEqual([150, 190, 110]);
  });

  test('says what is not known as one row', () => {
    const rows = filtered();
    expect(rows.at(50)).toEqual({ kind: 'unknown', key: 50, to: 100 });
    const [first, last] = [rows.at(110), rows.at(190)];
    expect(first && rows.before(first)).toEqual({ kind: 'unknown', key: 1, to: 100 });
    expect(last && rows.after(last)).toEqual({ kind: 'unknown', key: 201, to: 1000 });
  });

  test('does not scroll into what is not known', () => {
    const rows = filtered();
    const screen = new LogScreen(rows);
    screen.height = 20;
    screen.show(150, 'top');
    screen.moveBy(-10_000);
    expect(screen.anchor).toEqual({ key: 110, offset: 0 });
  });
});
