import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { WebSocket, WebSocketServer } from 'ws';
import { listen } from '../tests/harness/listen.js';
import { until } from '../tests/harness/until.js';
import { SocketGuard } from './socket-guard.js';

const LOOK_MS = 50;

let guard: SocketGuard;
let arrived: number;
let renewals: number;
let ended: string | undefined;
let stop: () => void;

beforeEach(async () => {
  [arrived, renewals, ended] = [0, 0, undefined];
  const server = createServer();
  const wss = new WebSocketServer({ server });
  const opened = new Promise<WebSocket>((resolve) => wss.once('connection', resolve));
  const client = new WebSocket((await listen(server)).replace(/^http/, 'ws'));
  const ws = await opened;
  stop = () => {
    client.terminate();
    ws.terminate();
    server.close();
  };
  guard = new SocketGuard(ws, {
    nodeId: 'node',
    logger: pino({ level: 'silent' }),
    end: (reason) => (ended = reason),
    arrived: () => arrived,
    renew: () => renewals++,
    lookMs: LOOK_MS,
  });
});

afterEach(() => stop());

test('a node that is silent is disconnected, and its lease is not renewed meanwhile', async () => {
  await until(() => ended === 'heartbeat timeout');
  expect(renewals).toBe(0);
});

test('signs of life put the end off', async () => {
  const beating = setInterval(() => guard.heard(), LOOK_MS / 2);
  await sleep(LOOK_MS * 6);
  expect(ended).toBeUndefined();
  clearInterval(beating);
  await until(() => ended === 'heartbeat timeout');
});

test('while the hive does not read the socket, it keeps the node’s lease', async () => {
  guard.pause('pressure');
  await until(() => renewals >= 5);
  expect(ended).toBeUndefined();
  guard.resume('pressure');
  await until(() => ended === 'heartbeat timeout');
  expect(renewals).toBeLessThan(10);
});

test('while a long message arrives, its bytes keep the lease; a few bytes do not', async () => {
  const arriving = setInterval(() => (arrived += 20_000), LOOK_MS / 4);
  await until(() => renewals >= 5);
  expect(ended).toBeUndefined();
  clearInterval(arriving);
  const trickling = setInterval(() => arrived++, LOOK_MS / 4);
  await until(() => ended === 'heartbeat timeout');
  clearInterval(trickling);
});
