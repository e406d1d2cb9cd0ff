import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test } from '@jest/globals';
import { DamagedLinesError } from './damaged-lines.js';
import { LineLoader, type Hole } from './line-loader.js';
import type { LineReader, ReadLines } from './line-reader.js';
import { LineStore } from './line-store.js';

interface Asked {
  how: 'forward' | 'backward';
  at: number;
  limit: number;
  signal: AbortSignal;
  resolve: (lines: ReadLines) => void;
  reject: (error: Error) => void;
}

let asked: Asked[];
let store: LineStore;
let told: unknown[];
let loader: LineLoader;

beforeEach(() => {
  asked = [];
  told = [];
  store = new LineStore();
  const ask = (how: Asked['how']) => (at: number, limit: number, signal: AbortSignal) =>
    new Promise<ReadLines>((resolve, reject) => asked.push({ how, at, limit, signal, resolve, reject }));
  const reader = { forward: ask('forward'), backward: ask('backward') } as unknown as LineReader;
  loader = new LineLoader(store, reader, {
    read: ({ from, to }) => told.push([from, to]),
    damaged: ({ first, last }) => told.push(['damaged', first, last]),
    failed: (error) => error && told.push(error.message),
  });
});

const hole = (from: number, to: number, nearest: Hole['nearest'] = 'from'): Hole => ({ from, to, nearest });
const settled = () => sleep(0);

test('it reads some lines before what is shown, for the colours that begin there', () => {
  loader.want(hole(500_000, 500_050));
  expect(asked[0]).toMatchObject({ how: 'forward', at: 499_500, limit: 1000 });
});

test('it reads nothing that is known', () => {
  store.insert(400, 520, []);
  store.insert(600, 700, []);
  loader.want(hole(521, 560));
  expect(asked[0]).toMatchObject({ how: 'forward', at: 521, limit: 79 });
});

test('it reads back from what is shown', () => {
  store.insert(1, 100, []);
  loader.want(hole(200, 300, 'to'));
  expect(asked[0]).toMatchObject({ how: 'backward', at: 301, limit: 200 });
});

test('what is no longer wanted is ended, and what is wanted comes', async () => {
  loader.want(hole(1000, 1050));
  loader.want(hole(1010, 1060)); // on its way already
  loader.want(hole(900_000, 900_050));
  expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  asked[0]?.resolve({ from: 1, to: 2, lines: [], total: 0 });
  asked[1]?.resolve({ from: 899_500, to: 900_499, lines: [], total: 0 });
  await settled();
  expect(told).toEqual([[899_500, 900_499]]);
});

test('damaged lines are told as such', async () => {
  loader.want(hole(10, 20));
  asked[0]?.reject(new DamagedLinesError(1, 1000, 'damaged'));
  await settled();
  expect(told).toEqual([['damaged', 1, 1000]]);
});

test('after a failure it waits, then asks for what is wanted by then', async () => {
  loader.want(hole(10, 20));
  asked[0]?.reject(new Error('no hive'));
  await settled();
  loader.want(hole(5000, 5020));
  expect(asked).toHaveLength(1);
  await sleep(2100);
  expect(asked[1]).toMatchObject({ at: 4500 });
  loader.end();
  expect(asked[1]?.signal.aborted).toBe(true);
});
