/** What is read of a log of which something is damaged. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { endedExecution, temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { soundLines, type SoundLine } from './sound-lines.js';

let temporary: TemporaryStore;
let key: number;
beforeEach(() => {
  temporary = temporaryStore();
  key = endedExecution(temporary.store, { lines: 3500 }).key;
});
afterEach(() => temporary.remove());

const change = (sql: string, ...parameters: unknown[]) => temporary.store.prepare(sql).run(...parameters);
function read(): { sound: number[]; damaged: Extract<SoundLine, { kind: 'damaged' }>[] } {
  const found = [...soundLines(temporary.store, key, 0, 3500)];
  const sound = found.flatMap((item) => (item.kind === 'line' ? [item.seq] : []));
  return { sound, damaged: found.flatMap((item) => (item.kind === 'damaged' ? [item] : [])) };
}

describe('a log', () => {
  test('without damage is read in full', () => {
    const { sound, damaged } = read();
    expect([sound.length, sound.at(-1), damaged]).toEqual([3500, 3500, []]);
  });

  test('with a page that is no gzip gives the lines before and after it', () => {
    change('UPDATE log_page SET gzip = ? WHERE execution_key = ? AND first_seq = 1001', randomBytes(300), key);
    const { sound, damaged } = read();
    expect(sound).toHaveLength(2500);
    expect(damaged).toMatchObject([{ first: 1001, last: 2000, why: expect.stringContaining('cannot be unpacked') }]);
  });

  test('with a page that is missing gives the lines before and after it, also at its end', () => {
    change('DELETE FROM log_page WHERE execution_key = ? AND first_seq IN (1001, 3001)', key);
    const { sound, damaged } = read();
    expect(sound).toHaveLength(2000);
    expect(damaged).toMatchObject([
      { first: 1001, last: 2000, why: 'missing' },
      { first: 3001, last: 3500, why: 'missing' },
    ]);
  });
});
