import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { listen } from '../tests/harness/listen.js';
import { until } from '../tests/harness/until.js';
import { MessageTap } from './message-tap.js';

const MIN_BYTES = 10_000;

let server: Server;
let client: WebSocket;
let ws: WebSocket;
let tap: MessageTap;
/** What has come out, in order: a message that ws gave, or one that the tap has diverted. */
let seen: string[];
/** Runs after each piece of a diverted message. */
let afterPiece: () => void;
/** The client's end of the TCP connection. */
let clientTcp: Socket;

beforeEach(async () => {
  seen = [];
  afterPiece = () => undefined;
  server = createServer();
  const wss = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (opened) => {
      ws = opened;
      ws.on('error', (error) => seen.push(`error ${error.message}`));
      ws.on('close', (code) => seen.push(`close ${code}`));
      ws.on('message', (data, isBinary) => seen.push(describe('ws', data as Buffer, isBinary)));
      ws.on('ping', () => seen.push('ping'));
      tap = new MessageTap(ws, request.socket);
    });
  });
  const url = await listen(server);
  client = new WebSocket(url.replace(/^http/, 'ws'), { perMessageDeflate: false });
  client.on('error', () => undefined);
  client.once('upgrade', (response) => (clientTcp = response.socket));
  await new Promise((resolve) => client.once('open', resolve));
});

afterEach(async () => {
  client.terminate();
  await until(() => ws.readyState === ws.CLOSED);
  server.close();
});

const describe = (from: string, data: Buffer, isBinary: boolean) =>
  `${from} ${isBinary ? 'binary' : 'text'} ${data.length} ${data.subarray(0, 8).toString('latin1')}`;

function divert(): void {
  let pieces: Buffer[] = [];
  let isText = false;
  let bytes = 0;
  tap.divert(
    {
      begin: (length, text) => {
        pieces = [];
        [isText, bytes] = [text, length];
      },
      piece: (piece) => {
        pieces.push(piece);
        afterPiece();
      },
      end: () => {
        const whole = Buffer.concat(pieces);
        expect(whole.length).toBe(bytes);
        seen.push(describe('tap', whole, !isText));
      },
      fragmented: () => seen.push('fragmented'),
    },
    MIN_BYTES,
  );
}

/** A frame as a client writes it. */
function frameOf(payload: Buffer, { opcode = 1, isFinal = true, isMasked = true, reserved = 0 } = {}): Buffer {
  const header = Buffer.alloc(10);
  header[0] = (isFinal ? 0x80 : 0) | reserved | opcode;
  header[1] = (isMasked ? 0x80 : 0) | 127;
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  if (!isMasked) return Buffer.concat([header, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([header, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

const text = (name: string, bytes: number) => name.padEnd(bytes, '.');

test('only messages above the limit are diverted, and all keep their order', async () => {
  client.send(text('early', 50_000)); // before the tap diverts anything
  await until(() => seen.length === 1);
  divert();
  client.send(text('small1', 100));
  client.send(text('large1', 300_001));
  client.ping();
  client.send(text('large2', MIN_BYTES + 1));
  client.send(text('small2', MIN_BYTES));
  client.send(Buffer.alloc(70_000, 'b'));
  client.send(text('small3', 3));
  await until(() => seen.length === 8);
  expect(seen).toEqual([
    'ws text 50000 early...',
    'ws text 100 small1..',
    'tap text 300001 large1..',
    'ping',
    `tap text ${MIN_BYTES + 1} large2..`,
    `ws text ${MIN_BYTES} small2..`,
    'tap binary 70000 bbbbbbbb',
    'ws text 6 small3',
  ]);
});

test('frames are told apart wherever TCP cuts them', async () => {
  const bytes = Buffer.concat([
    frameOf(Buffer.from('small')),
    frameOf(Buffer.alloc(0)),
    frameOf(Buffer.from(text('large', 20_000))),
    frameOf(Buffer.from('after')),
  ]);
  const { bytesRead } = tap.tcp;
  clientTcp.write(bytes.subarray(0, 7)); // part of a header, before the tap diverts anything
  await until(() => tap.tcp.bytesRead === bytesRead + 7);
  divert();
  for (let at = 7; at < 60; at++) {
    clientTcp.write(bytes.subarray(at, at + 1));
    await sleep(1);
  }
  clientTcp.write(bytes.subarray(60));
  await until(() => seen.length === 4);
  expect(seen).toEqual(['ws text 5 small', 'ws text 0 ', 'tap text 20000 large...', 'ws text 5 after']);
});

test('a large frame whose header has begun to arrive still goes to ws', async () => {
  const bytes = Buffer.concat([
    frameOf(Buffer.from(text('large1', 20_000))),
    frameOf(Buffer.from(text('large2', 20_000))),
  ]);
  const { bytesRead } = tap.tcp;
  clientTcp.write(bytes.subarray(0, 3));
  await until(() => tap.tcp.bytesRead === bytesRead + 3);
  divert();
  clientTcp.write(bytes.subarray(3, 5));
  await until(() => tap.tcp.bytesRead === bytesRead + 5);
  clientTcp.write(bytes.subarray(5));
  await until(() => seen.length === 2);
  expect(seen).toEqual(['ws text 20000 large1..', 'tap text 20000 large2..']);
});

test('nothing behind a large message is read while its reader has paused the socket', async () => {
  divert();
  afterPiece = () => ws.pause();
  client.send(text('large', 1_000_000));
  client.send('after');
  await until(() => ws.isPaused);
  for (let round = 0; !seen.includes('ws text 5 after'); round++) {
    expect(round).toBeLessThan(1000);
    await sleep(1);
    ws.resume();
  }
  expect(seen).toEqual(['tap text 1000000 large...', 'ws text 5 after']);
  client.send('still open');
  await until(() => seen.length === 3);
});

test('what arrived before the connection closed is read, even if the socket is paused', async () => {
  divert();
  ws.pause();
  client.send('small');
  client.send(text('large', 20_000));
  await until(() => tap.tcp.readableLength > 20_000);
  ws.terminate();
  await until(() => seen.includes('close 1006'));
  expect(seen).toEqual(['ws text 5 small', 'tap text 20000 large...', 'close 1006']);
});

test.each([
  ['is not masked', { isMasked: false }],
  ['has a reserved bit', { reserved: 0x40 }],
  ['is a control frame', { opcode: 9 }],
])('a large frame that %s ends the connection, as a small one does', async (_, faults) => {
  divert();
  clientTcp.write(frameOf(Buffer.alloc(20_000, 'x'), faults));
  await until(() => seen.some((event) => event.startsWith('close')));
  expect(seen[0]).toMatch(/^error Invalid WebSocket frame/);
});

test('a message in several frames goes to ws, and is announced when it has grown large', async () => {
  divert();
  client.send(text('part', 6_000), { fin: false });
  client.ping();
  client.send(text('part', 6_000), { fin: false });
  client.send(text('part', 20_000), { fin: true });
  client.send(text('large', 20_000));
  await until(() => seen.length === 4);
  expect(seen.filter((event) => event !== 'ping')).toEqual([
    'fragmented',
    'ws text 32000 part....',
    'tap text 20000 large...',
  ]);
});

test('what comes in one piece with the frame that makes a message large is read before it is announced', async () => {
  divert();
  const part = frameOf(Buffer.from(text('part', 20_000)), { isFinal: false });
  clientTcp.write(Buffer.concat([frameOf(Buffer.from('before')), part.subarray(0, 100)]));
  await until(() => seen.length === 2);
  expect(seen).toEqual(['ws text 6 before', 'fragmented']);
});
