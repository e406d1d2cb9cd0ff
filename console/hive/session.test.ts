/** The session against a hive that is played. */
import { afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import type * as Session from './session.js';

let module: typeof Session;
let asked = 0;
let answer: () => Response | Promise<Response>;
const reload = jest.fn();

const sessionOf = (id: string, role = 'admin') => ({ role, organization: { id, name: id }, expires_at: null });
const answering = (session: unknown) => () => Response.json({ session, hive: { version: '1' } });
const badGateway = () => new Response('', { status: 502 });

beforeAll(async () => {
  Object.assign(globalThis, {
    location: { origin: 'http://hive', reload },
    document: new EventTarget(),
    fetch: async () => {
      asked++;
      return answer();
    },
  });
  module = await import('./session.js');
});

beforeEach(() => {
  jest.useFakeTimers();
  reload.mockClear();
  module.signedOut();
  module.session.value = undefined;
  asked = 0;
});

afterEach(async () => {
  answer = answering(null);
  await module.loadSession();
  jest.useRealTimers();
});

test('however many parts of the console ask while no hive answers, it is asked again by one, less and less often', async () => {
  answer = badGateway;
  for (let turn = 0; turn < 60; turn++) {
    void module.loadSession();
    await jest.advanceTimersByTimeAsync(1000);
  }
  asked = 0;
  await jest.advanceTimersByTimeAsync(60_000);
  expect(asked).toBeGreaterThanOrEqual(3);
  expect(asked).toBeLessThanOrEqual(6);
});

test('who has signed out is not asked about any more', async () => {
  answer = badGateway;
  expect(await module.loadSession()).toBe(false);
  module.signedOut();
  asked = 0;
  await jest.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(0);
});

test.each([
  ['another organisation', sessionOf('b')],
  ['another role', sessionOf('a', 'viewer')],
])('%s loads the page anew, and is not shown before', async (_what, other) => {
  answer = answering(sessionOf('a'));
  expect(await module.loadSession()).toBe(true);
  await module.loadSession();
  expect(reload).not.toHaveBeenCalled();
  answer = answering(other);
  await module.loadSession();
  expect(reload).toHaveBeenCalledTimes(1);
  expect(module.session.value).toEqual(sessionOf('a'));
});

test('an answer of before somebody signed in is not taken for the one after', async () => {
  let tell: (response: Response) => void = () => undefined;
  answer = () => new Promise((resolve) => (tell = resolve));
  const first = module.loadSession();
  await jest.advanceTimersByTimeAsync(0);
  const second = module.loadSession();
  answer = answering(sessionOf('a'));
  tell(answering(null)());
  await Promise.all([first, second]);
  expect(module.session.value).toEqual(sessionOf('a'));
});

test('whoever waits for a hive is told by the questions that are asked anyway', async () => {
  answer = badGateway;
  const told = jest.fn();
  void module.untilHiveAnswers().then(told);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(told).not.toHaveBeenCalled();
  expect(asked).toBeLessThan(8);
  answer = answering(null);
  await jest.advanceTimersByTimeAsync(20_000);
  expect(told).toHaveBeenCalledTimes(1);
});
