import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { GivesWay, RightOfWay, type ShortRequests } from './right-of-way.js';

const counts = ({ requests }: RightOfWay) => Atomics.load(requests, 0);

/** A thread with a clock of its own, in whose waits nothing happens but what is given. */
function thread({ requests }: RightOfWay) {
  const clock = { ms: 0, waited: 0 };
  const wait = (_requests: ShortRequests, _count: number, ms: number) => {
    clock.ms += ms;
    clock.waited += ms;
  };
  const way = new GivesWay(requests, { now: () => clock.ms, wait });
  return {
    waits(): number {
      clock.waited = 0;
      way.wait();
      return clock.waited;
    },
    works(ms: number): void {
      clock.ms += ms;
    },
  };
}

test('nobody waits when nobody is answered', () => {
  const right = new RightOfWay();
  right.take()();
  expect(thread(right).waits()).toBe(0);
});

test('who searches waits for a request, but over time no more than it works', () => {
  const right = new RightOfWay();
  const searching = thread(right);
  const answered = right.take();
  expect(searching.waits()).toBe(50);
  expect(searching.waits()).toBe(0);
  searching.works(20);
  expect(searching.waits()).toBe(20);
  searching.works(10_000);
  expect(searching.waits()).toBe(50);
  answered();
  searching.works(20);
  expect(searching.waits()).toBe(0);
});

test('a request that takes long is no short one, and each is counted once however often it ends', async () => {
  const right = new RightOfWay();
  const ends = [right.take(), right.take()];
  ends[0]?.();
  ends[0]?.();
  expect(counts(right)).toBe(1);
  while (counts(right) > 0) await sleep(5);
  ends[1]?.();
  expect(counts(right)).toBe(0);
});

test('a thread that waits is told when the last request was answered', async () => {
  const right = new RightOfWay();
  const answered = [right.take(), right.take()];
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    parentPort.postMessage('waits');
    parentPort.postMessage(Atomics.wait(workerData, 0, 1));`;
  answered.shift()?.();
  const thread = new Worker(program, { eval: true, workerData: right.requests satisfies ShortRequests });
  const messages: unknown[] = [];
  thread.on('message', (message) => {
    messages.push(message);
    if (message === 'waits') answered.shift()?.();
  });
  await once(thread, 'exit');
  expect(messages).toEqual(['waits', expect.stringMatching(/^(ok|not-equal)$/)]);
});
