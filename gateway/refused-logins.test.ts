/** How the connection of a refused login ends, seen from a socket that answers nothing by itself. */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { until } from '../tests/harness/until.js';

const AUTH_TIMEOUT_MS = 500;
/** How long a hive may take to end a connection that it has refused. For the answer to a close, `ws` would wait 30 s. */
const END_MS = 15_000;
const CLOSE = 8;
const BINARY = 2;
const TEXT = 1;

let hive: TestGateway;
/** Does not wait long for `auth`. */
let impatient: TestGateway;
const sockets: Socket[] = [];
beforeAll(async () => {
  hive = await startTestGateway();
  impatient = await startTestGateway({ authTimeoutMs: AUTH_TIMEOUT_MS });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await hive.stop();
  await impatient.stop();
});

interface Frame {
  opcode: number;
  payload: Buffer;
}

/** A WebSocket by hand: it does not answer a close, and keeps its side open when the hive has ended its own. */
class RawNode {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  /** When the hive's FIN came, and when the connection was gone. */
  endedAt: number | undefined;
  closedAt: number | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, chunk])));
    socket.on('end', () => (this.endedAt = performance.now()));
    socket.on('close', () => (this.closedAt = performance.now()));
    socket.on('error', () => undefined);
  }

  static async open({ url } = hive): Promise<RawNode> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    sockets.push(socket);
    const node = new RawNode(socket);
    await once(socket, 'connect');
    const key = randomBytes(16).toString('base64');
    socket.write(
      `GET /v1/nodes/ws HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    await until(() => node.#bytes.includes('\r\n\r\n'), 60_000, 'the upgrade is answered');
    node.#bytes = node.#bytes.subarray(node.#bytes.indexOf('\r\n\r\n') + 4);
    return node;
  }

  send(opcode: number, payload: Buffer): void {
    const header = payload.length < 126 ? Buffer.from([0x80 | opcode, 0x80 | payload.length]) : Buffer.alloc(4);
    if (payload.length >= 126) {
      header.set([0x80 | opcode, 0x80 | 126]);
      header.writeUInt16BE(payload.length, 2);
    }
    this.#socket.write(Buffer.concat([header, Buffer.alloc(4), payload])); // a mask of zeros changes nothing
  }

  auth(data: object): void {
    const capabilities = { executors: ['CLAUDE_CODE'], max_concurrent_tasks: 1, os: 'linux', arch: 'x86_64' };
    const auth = { machine_id: randomUUID(), name: 'n', capabilities, public_url: null, ...data };
    this.send(TEXT, Buffer.from(JSON.stringify({ type: 'auth', data: auth })));
  }

  get frames(): Frame[] {
    const frames: Frame[] = [];
    for (let rest = this.#bytes; rest.length >= 2;) {
      const short = rest.readUInt8(1);
      const start = short === 126 ? 4 : 2;
      const length = short === 126 ? rest.readUInt16BE(2) : short;
      frames.push({ opcode: rest.readUInt8(0) & 0x0f, payload: rest.subarray(start, start + length) });
      rest = rest.subarray(start + length);
    }
    return frames;
  }
}

const answersOf = ({ frames }: RawNode) =>
  frames
    .filter(({ opcode }) => opcode === TEXT)
    .map(({ payload }) => JSON.parse(payload.toString()) as { type: string; data: Record<string, unknown> });
const withKey = (data: object) => ({ api_key: '0'.repeat(64), ...data });

test.each<[string, (node: RawNode) => void, RegExp]>([
  ['a wrong key of version 1', (node) => node.auth(withKey({ protocol_version: 1 })), /^invalid API key$/],
  ['a version that nobody speaks', (node) => node.auth(withKey({ protocol_version: 7 })), /^protocol version mismatch/],
  ['an auth frame without a key', (node) => node.auth({ protocol_version: 1 }), /^invalid auth message/],
  [
    'something else than auth',
    (node) => node.send(TEXT, Buffer.from('{"type":"heartbeat","data":{}}')),
    /expected auth/,
  ],
  ['junk', (node) => node.send(TEXT, Buffer.from('{')), /^invalid auth message/],
  ['a binary frame', (node) => node.send(BINARY, Buffer.from([1, 2])), /expected text message/],
])('%s: the answer comes, then the TCP connection ends at once, without a close frame', async (_, send, error) => {
  await expectRefusal(await RawNode.open(), send, error);
});

test('so it is with silence', async () => {
  const node = await RawNode.open(impatient);
  await expectRefusal(node, () => undefined, /^timeout waiting for auth message$/);
});

async function expectRefusal(node: RawNode, send: (node: RawNode) => void, error: RegExp): Promise<void> {
  const startedAt = performance.now();
  send(node);
  await until(() => node.endedAt !== undefined, 60_000, 'the hive ends its side');
  expect((node.endedAt ?? 0) - startedAt).toBeLessThan(END_MS);
  expect(answersOf(node)).toMatchObject([{ type: 'auth_result', data: { success: false, node_id: null } }]);
  expect(answersOf(node)[0]?.data['error']).toMatch(error);
  expect(node.frames.map(({ opcode }) => opcode)).not.toContain(CLOSE);
}

test('a node that keeps its side open is disconnected all the same', async () => {
  const node = await RawNode.open();
  node.auth(withKey({ protocol_version: 1 }));
  await until(() => node.endedAt !== undefined, 60_000, 'the hive ends its side');
  const connections = () =>
    new Promise<number>((resolve, reject) =>
      hive.server.getConnections((failure, count) => (failure ? reject(failure) : resolve(count))),
    );
  await until(async () => (await connections()) === 0, 60_000, 'no socket is left');
});

test('a node of version 2 is told by a close frame', async () => {
  const node = await RawNode.open();
  node.auth(withKey({ protocol_version: 2 }));
  await until(() => node.frames.some(({ opcode }) => opcode === CLOSE), 60_000, 'the close comes');
  expect(answersOf(node)).toMatchObject([{ type: 'auth_result', data: { error: 'invalid API key' } }]);
  const close = node.frames.find(({ opcode }) => opcode === CLOSE);
  expect(close?.payload.readUInt16BE(0)).toBe(1008);
  await until(() => node.endedAt !== undefined, 60_000, 'the connection ends, although the close is not answered');
});

test('a version 1 login that cannot be decided now ends without an answer and without a close frame', async () => {
  const { secret, id } = await hive.newKey();
  await hive.database.$executeRaw`ALTER TABLE node_api_key RENAME TO elsewhere`;
  const node = await RawNode.open();
  node.auth({ api_key: secret, protocol_version: 1 });
  await until(() => node.endedAt !== undefined, 60_000, 'the hive ends its side');
  expect(node.frames).toEqual([]);
  await hive.database.$executeRaw`ALTER TABLE elsewhere RENAME TO node_api_key`;
  expect(await hive.database.nodeApiKey.count({ where: { id } })).toBe(1);
});
