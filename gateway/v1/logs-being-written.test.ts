import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { LogsBeingWritten } from './logs-being-written.js';

const NOW = Date.parse('2026-02-01T10:20:00Z');
const ago = (ms: number) => new Date(NOW - ms).toISOString();

test('an end keeps its attempt waiting until ten seconds after it, and only if it has just come', () => {
  const logs = new LogsBeingWritten();
  logs.noteEnd('just', ago(4000), NOW);
  expect(logs.remainingMs('just')).toBeGreaterThan(5000);
  expect(logs.remainingMs('just')).toBeLessThanOrEqual(6000);
  for (const [name, ms] of Object.entries({ exactly: 10_000, long: 60_000, ahead: -60_000 }))
    logs.noteEnd(name, ago(ms), NOW);
  expect(['exactly', 'long', 'ahead', 'unknown'].map((name) => logs.remainingMs(name))).toEqual([0, 0, 0, 0]);
});

test('a wait is never shortened, and once it is over none of 0 ms lasts for ever', async () => {
  const logs = new LogsBeingWritten();
  logs.waitFor('long', 60_000);
  logs.waitFor('long', 10_000);
  expect(logs.remainingMs('long')).toBeGreaterThan(10_000);
  logs.waitFor('attempt', 10);
  await sleep(30);
  expect(logs.remainingMs('attempt')).toBe(0);
  logs.waitFor('attempt', 0);
  expect(logs.remainingMs('attempt')).toBe(0);
});
