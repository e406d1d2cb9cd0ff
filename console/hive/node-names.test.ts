/** The nodes against a hive that is played. */
import { afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import type * as NodeNames from './node-names.js';
import type * as Session from './session.js';

let names: typeof NodeNames;
let session: typeof Session;
let asked = 0;
let isAway = false;
let known: { id: string; name: string }[] = [];

beforeAll(async () => {
  Object.assign(globalThis, {
    location: { origin: 'http://hive' },
    document: new EventTarget(),
    fetch: () => {
      asked++;
      return Promise.resolve(isAway ? new Response('', { status: 502 }) : Response.json(known));
    },
  });
  names = await import('./node-names.js');
  session = await import('./session.js');
});

beforeEach(() => {
  jest.useFakeTimers();
  [asked, isAway, known] = [0, false, [{ id: 'node-one-id', name: 'one' }]];
  session.session.value = undefined;
});

afterEach(() => {
  session.signedOut();
  jest.useRealTimers();
});

test('nodes that could not be read are asked for again until they are known', async () => {
  isAway = true;
  await expect(names.loadNodes()).rejects.toThrow('502');
  isAway = false;
  await jest.advanceTimersByTimeAsync(1100);
  expect([names.nodes.value?.length, names.nodeName('node-one-id')]).toEqual([1, 'one']);
});

test('a name that was asked for in vain comes later, and one that does not exist is asked for once', async () => {
  await names.loadNodes();
  isAway = true;
  expect(names.nodeName('node-two-id')).toBe('node-two');
  await jest.advanceTimersByTimeAsync(100);
  known.push({ id: 'node-two-id', name: 'two' });
  isAway = false;
  await jest.advanceTimersByTimeAsync(1100);
  expect(names.nodeName('node-two-id')).toBe('two');
  names.nodeName('node-gone');
  await jest.advanceTimersByTimeAsync(100);
  const before = asked;
  names.nodeName('node-gone');
  await jest.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(before);
});

test('after signing out, nothing is asked or shown any more', async () => {
  isAway = true;
  await expect(names.loadNodes()).rejects.toThrow();
  session.signedOut();
  const before = asked;
  await jest.advanceTimersByTimeAsync(60_000);
  expect([asked - before, names.nodes.value]).toEqual([0, undefined]);
});
