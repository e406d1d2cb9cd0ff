import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import type { ReadConversation } from './read-conversation.js';

let make: (hasLines: number) => ReadConversation;

beforeAll(async () => {
  globalThis.location = { origin: 'http://hive' } as unknown as Location;
  const { ReadConversation: Reading } = await import('./read-conversation.js');
  make = (hasLines) =>
    new Reading('a', 'e', (_id, { from, limit }) => {
      const count = Math.max(0, Math.min(limit, hasLines - from + 1));
      const line = { type: 'stdout', content: 'x', at: '', isPartial: false } as const;
      return Promise.resolve(Array.from({ length: count }, (_, index) => ({ ...line, seq: from + index })));
    });
});

async function untilRead(reading: ReadConversation): Promise<void> {
  while (reading.state.value.isReading) await sleep(5);
}

test('of a log that grows while it is read, no more than the bound is read unasked', async () => {
  const reading = make(500_000);
  for (let looks = 0; looks < 130 && !reading.state.value.isFull; looks++) {
    reading.look();
    await sleep(0);
    await untilRead(reading);
  }
  expect(reading.state.value).toMatchObject({ readTo: 100_000, isFull: true, isReading: false });
  reading.readMore();
  await sleep(0);
  await untilRead(reading);
  expect(reading.state.value).toMatchObject({ readTo: 101_000, isFull: false });
});

test('a log with exactly as many lines as are read at most is whole', async () => {
  const reading = make(100_000);
  reading.told(100_000);
  await sleep(0);
  await untilRead(reading);
  expect(reading.state.value).toMatchObject({ readTo: 100_000, isFull: false, isReading: false });
});
