import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { HiveApiError } from '../../api/client/client.js';
import { untilAnswered } from './until-answered.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const busy = (retryAfterSeconds?: number) => new HiveApiError(429, 'too_many_requests', 'later', retryAfterSeconds);

/** @returns how often it was asked so far */
function asking(refusals: Error[], signal = new AbortController().signal) {
  let asked = 0;
  const answer = untilAnswered(
    () => {
      const refusal = refusals[asked++];
      return refusal ? Promise.reject(refusal) : Promise.resolve('answer');
    },
    { signal, waits: () => undefined },
  );
  return { answer, asked: () => asked };
}

test('the hive is left alone for as long as it asks', async () => {
  const { answer, asked } = asking([busy(30)]);
  await jest.advanceTimersByTimeAsync(29_000);
  expect(asked()).toBe(1);
  await jest.advanceTimersByTimeAsync(1100);
  expect([asked(), await answer]).toEqual([2, 'answer']);
});

test('without a word from the hive, the pauses grow', async () => {
  const { asked } = asking(Array.from({ length: 100 }, () => busy()));
  await jest.advanceTimersByTimeAsync(60_000);
  expect(asked()).toBeGreaterThan(5);
  expect(asked()).toBeLessThan(15);
});

test('what asking again would not help against is thrown at once, and a wait ends with its signal', async () => {
  await expect(asking([new HiveApiError(400, 'invalid_request', 'no')]).answer).rejects.toThrow('no');
  const aborting = new AbortController();
  const { answer, asked } = asking([busy()], aborting.signal);
  const ended = expect(answer).rejects.toThrow('This operation was aborted');
  await jest.advanceTimersByTimeAsync(1);
  aborting.abort();
  await ended;
  expect(asked()).toBe(1);
});
