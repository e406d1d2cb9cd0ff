import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { until } from '../../tests/harness/until.js';
import type { Waiting } from './outstanding.js';
import { reportWaiting } from './waiting-report.js';

interface Line {
  level: number;
  nodeId: string;
}

function report(nodeId: string, waiting: Waiting) {
  const lines: Line[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  return { lines, report: reportWaiting(logger, nodeId, () => waiting, 10) };
}

test.each<[string, Waiting]>([
  ['a request that has been out for more than a minute', { requests: 1, fromBefore: 0, oldestSeconds: 61.4 }],
  ['what an earlier connection left unanswered', { requests: 4, fromBefore: 3, oldestSeconds: 12.2 }],
])('%s is logged with its node, count and age, once a minute', async (_name, waiting) => {
  const nodeId = randomUUID();
  const first = report(nodeId, waiting);
  await until(() => first.lines.length > 0);
  await sleep(50);
  first.report.stop();
  const { requests, fromBefore } = waiting;
  const oldestSeconds = Math.round(waiting.oldestSeconds);
  expect(first.lines).toMatchObject([{ level: 40, nodeId, requests, fromBefore, oldestSeconds }]);
  const next = report(nodeId, waiting); // the node’s next connection
  const other = report(randomUUID(), waiting);
  await until(() => other.lines.length > 0);
  await sleep(50);
  next.report.stop();
  other.report.stop();
  expect(next.lines).toEqual([]);
});

test('a request that has been out for a moment is not worth a line', async () => {
  const { lines, report: reporting } = report(randomUUID(), { requests: 4, fromBefore: 0, oldestSeconds: 40 });
  await sleep(50);
  reporting.stop();
  expect(lines).toEqual([]);
});
