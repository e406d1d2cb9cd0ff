import { expect, jest, test } from '@jest/globals';
import { bodyOf, type HiveApiError } from './client.js';

const refusal = (retryAfter: string | undefined): Promise<HiveApiError> => {
  const response = new Response('{}', { status: 503 });
  if (retryAfter !== undefined) response.headers.set('retry-after', retryAfter);
  return bodyOf(Promise.resolve({ error: { code: 'busy', detail: 'later' }, response })).then(
    () => Promise.reject(new Error('it was refused')),
    (error: unknown) => error as HiveApiError,
  );
};

test.each([
  ['7', 7],
  ['0', 0],
  [undefined, undefined],
  ['soon', undefined],
  [new Date(0).toUTCString(), 0],
])('a refusal with Retry-After %s says so in seconds: %s', async (header, seconds) => {
  expect(await refusal(header)).toMatchObject({ status: 503, code: 'busy', retryAfterSeconds: seconds });
});

test('a refusal with Retry-After as a time says how far it is', async () => {
  jest.useFakeTimers({ now: new Date('2026-02-01T10:00:00.300Z') });
  try {
    const { retryAfterSeconds } = await refusal('Sun, 01 Feb 2026 10:01:30 GMT');
    expect(retryAfterSeconds).toBe(90);
  } finally {
    jest.useRealTimers();
  }
});
