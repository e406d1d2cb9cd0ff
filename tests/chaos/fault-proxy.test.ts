import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { until } from '../harness/until.js';
import { FaultProxy } from './fault-proxy.js';

let server: Server;
let proxy: FaultProxy;
const accepted: Socket[] = [];

beforeEach(async () => {
  accepted.length = 0;
  server = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await FaultProxy.listen({ target: () => (server.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.close();
  for (const socket of accepted) socket.destroy();
  server.close();
});

/** Resolves when the socket closes, also after an error. */
function closed(socket: Socket | undefined): Promise<void> {
  return new Promise((resolve) => {
    socket?.once('error', () => undefined);
    socket?.once('close', () => resolve());
  });
}

async function open(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function echoed(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

test('passes bytes on, both ways', async () => {
  const socket = await open();
  expect(await echoed(socket, 'hello')).toBe('hello');
  socket.destroy();
});

test('when cut, both ends see their connection end', async () => {
  const socket = await open();
  await echoed(socket, 'hello');
  const ends = Promise.all([closed(socket), closed(accepted[0])]);
  proxy.cut();
  await ends;
});

test('when stalled, nothing passes; after resuming, everything that was sent does', async () => {
  const socket = await open();
  await echoed(socket, 'hello');
  proxy.stall();
  const received: string[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk.toString()));
  socket.write('later');
  const other = await open();
  other.on('data', (chunk: Buffer) => received.push(chunk.toString()));
  other.write('too');
  await sleep(200);
  expect(received).toEqual([]);
  proxy.resume();
  await until(() => received.length === 2);
  expect(received.sort()).toEqual(['later', 'too']);
});

test('when orphaned, the client is gone, and the server does not notice until the release', async () => {
  const socket = await open();
  await echoed(socket, 'hello');
  const gone = closed(socket);
  proxy.orphan();
  await gone;
  await sleep(100);
  expect(accepted[0]?.destroyed).toBe(false);
  const heard = closed(accepted[0]);
  proxy.release();
  await heard;
});

test('when refusing, new connections end at once', async () => {
  proxy.refuse(true);
  await closed(connect(proxy.port, '127.0.0.1'));
  proxy.refuse(false);
  const other = await open();
  expect(await echoed(other, 'hello')).toBe('hello');
  other.destroy();
});
