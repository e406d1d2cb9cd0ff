import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { until } from '../../tests/harness/until.js';
import { LargeMessages, type Release } from './large-messages.js';

const LIMITS = { totalBytes: 300, organizationBytes: 150, minRate: 1000, rateMs: 50, maxWaitMs: 60_000 };

interface Message {
  /** `waiting`, `admitted`, or why it was refused. */
  state: string;
  arrived: number | undefined;
  release: Release;
}

function take(places: LargeMessages, organizationId: string, bytes = 100): Message {
  const message: Message = { state: 'waiting', arrived: 0, release: () => undefined };
  message.release = places.take({
    organizationId,
    bytes,
    arrived: () => message.arrived,
    admitted: () => (message.state = 'admitted'),
    refused: (reason) => (message.state = reason),
  });
  return message;
}

const states = (...messages: Message[]) => messages.map(({ state }) => state);

test('the memory is given first come first served, and nobody passes a message that waits for memory', () => {
  const places = new LargeMessages({ ...LIMITS, organizationBytes: 300 });
  const [a, b, large, small] = ['one', 'two', 'three', 'four'].map((id, index) =>
    take(places, id, [100, 100, 200, 50][index]),
  ) as [Message, Message, Message, Message];
  expect(states(a, b, large, small)).toEqual(['admitted', 'admitted', 'waiting', 'waiting']);
  a.release();
  expect(states(large, small)).toEqual(['admitted', 'waiting']);
  a.release(); // again
  expect(small.state).toBe('waiting');
  b.release();
  expect(small.state).toBe('admitted');
  for (const message of [large, small]) message.release();
});

test('an organisation that has used its share holds up no other', () => {
  const places = new LargeMessages(LIMITS);
  const [first, second] = [take(places, 'greedy'), take(places, 'greedy')];
  const other = take(places, 'other');
  expect(states(first, second, other)).toEqual(['admitted', 'waiting', 'admitted']);
  first.release();
  expect(second.state).toBe('admitted');
  for (const message of [second, other]) message.release();
});

test('a message that would never fit takes the whole share', () => {
  const places = new LargeMessages(LIMITS);
  const huge = take(places, 'one', 10_000);
  expect(huge.state).toBe('admitted');
  huge.release();
});

test('messages that trickle lose their places while others wait, and only then', async () => {
  const places = new LargeMessages(LIMITS);
  const slow = take(places, 'one', 150);
  const fast = take(places, 'two', 150);
  const trickle = setInterval(() => {
    slow.arrived = (slow.arrived ?? 0) + 1;
    fast.arrived = (fast.arrived ?? 0) + 1000;
  }, 10);
  await sleep(200);
  expect(states(slow, fast)).toEqual(['admitted', 'admitted']); // nobody waits
  const waiting = take(places, 'three');
  await until(() => waiting.state === 'admitted');
  expect(slow.state).toMatch(/too slowly/);
  await sleep(200);
  expect(fast.state).toBe('admitted');
  clearInterval(trickle);
  for (const message of [fast, waiting]) message.release();
});

test('a message that the hive itself does not read, or has whole, keeps its place', async () => {
  const places = new LargeMessages(LIMITS);
  const unread = take(places, 'one', 150);
  const other = take(places, 'two', 150);
  unread.arrived = undefined;
  other.arrived = undefined;
  const waiting = take(places, 'three');
  await sleep(200);
  expect(states(unread, other, waiting)).toEqual(['admitted', 'admitted', 'waiting']);
  for (const message of [unread, other, waiting]) message.release();
});

test('a wait ends', async () => {
  const places = new LargeMessages({ ...LIMITS, maxWaitMs: 100 });
  const message = take(places, 'one', 150);
  message.arrived = undefined;
  const waiting = take(places, 'one');
  await until(() => waiting.state.includes('waited too long'));
  message.release();
  const next = take(places, 'one');
  expect(next.state).toBe('admitted');
  next.release();
});
