import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RowList, type Attempt, type Page } from './row-list.js';

const attempt = (id: string) => ({ id }) as Attempt;

/** A hive with so many attempts, each with its place as its id; a cursor is the place of the last one read. */
function hiveWith(total: number) {
  return (start: number, limit: number): Page => {
    const end = Math.min(total, start + limit);
    const attempts = Array.from({ length: Math.max(0, end - start) }, (_, offset) => attempt(String(start + offset)));
    const hasMore = end < total;
    return { attempts, next_cursor: hasMore ? `after ${end - 1}` : null, has_more: hasMore };
  };
}

/** @returns the page that the hive reads at that place */
function readAt(read: (start: number, limit: number) => Page, list: RowList, index: number, limit: number): Page {
  const { cursor, skip } = list.whereFrom(index);
  const start = (cursor === undefined ? 0 : Number(cursor.slice(6)) + 1) + skip;
  expect(start).toBe(index);
  return read(start, limit);
}

test('a page far down is read from the nearest cursor before it, and the rows between stay unknown', () => {
  const read = hiveWith(100_000);
  const list = new RowList(read(0, 100));
  expect(list.length).toBe(101); // there are more
  list.resize(100_000);
  expect(list.whereFrom(99_950)).toEqual({ cursor: 'after 99', skip: 99_850 });
  list.place(99_950, readAt(read, list, 99_950, 100));
  expect(list.length).toBe(100_000);
  expect(list.at(99_999)?.id).toBe('99999');
  expect(list.at(50_000)).toBeUndefined();
  list.place(50_000, readAt(read, list, 50_000, 100));
  expect(list.whereFrom(50_100)).toEqual({ cursor: 'after 50099', skip: 0 });
});

test('who scrolls down is given the rows below those that are known, who scrolls up those above', () => {
  const read = hiveWith(10_000);
  const list = new RowList(read(0, 100));
  list.resize(10_000);
  expect(list.missingFrom(0, 60, 100)).toBeUndefined();
  expect(list.missingFrom(60, 120, 100)).toBe(100);
  list.place(5000, readAt(read, list, 5000, 100));
  expect(list.missingFrom(4960, 5020, 100)).toBe(4900);
  expect(list.missingFrom(7000, 7050, 100)).toBe(7000);
  expect(list.missingFrom(9990, 10_050, 100)).toBe(9990);
});

test('a list that turns out shorter than was counted ends where the hive says', () => {
  const read = hiveWith(250);
  const list = new RowList(read(0, 100));
  list.resize(400);
  list.place(300, readAt(read, list, 300, 100));
  expect(list.length).toBe(300);
  list.place(200, readAt(read, list, 200, 100));
  expect(list.length).toBe(250);
});

test('a count that comes late never cuts off rows that are known', () => {
  const list = new RowList(hiveWith(1000)(0, 100));
  list.resize(40);
  expect(list.length).toBe(100);
});

test('a change or a deletion leaves the row where it is', () => {
  const list = new RowList(hiveWith(10)(0, 10));
  expect(list.update({ ...attempt('3'), title: 'new' })).toBe(true);
  expect(list.at(3)?.title).toBe('new');
  expect(list.update(attempt('11'))).toBe(false);
  expect([list.markDeleted('4'), list.markDeleted('11')]).toEqual([true, false]);
  expect([list.isDeleted('4'), list.at(4)?.id, list.length]).toEqual([true, '4', 10]);
});

test('wherever somebody goes, the rows that are seen become known, and few are kept', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.array(fc.nat(3000), { maxLength: 30 }), (total, places) => {
      const read = hiveWith(total);
      const list = new RowList(read(0, 100));
      list.resize(total);
      for (const place of places) {
        const [first, last] = [Math.min(place, total - 1), Math.min(place + 30, total - 1)];
        for (let tries = 0; ; tries++) {
          expect(tries).toBeLessThan(4);
          const start = list.missingFrom(first, last, 100);
          if (start === undefined) break;
          list.place(start, readAt(read, list, start, 100));
          list.forget({ around: start, rows: 300 });
        }
        for (let index = first; index <= last; index++) expect(list.at(index)?.id).toBe(String(index));
        expect(list.length).toBe(total);
      }
      const known = Array.from({ length: total }, (_, index) => list.at(index)).filter(Boolean);
      expect(known.length).toBeLessThanOrEqual(2 * 300 + 100);
    }),
  );
});
