import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { BlackHole, Receiver } from '../../tests/harness/receiver.js';
import { until } from '../../tests/harness/until.js';
import { send, SEND_TIMEOUT_MS, type SendOptions } from './send.js';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
});
afterAll(() => receiver.close());
beforeEach(() => {
  receiver.received.length = 0;
  receiver.reply = () => ({ status: 204 });
});

const post = (url: string, options: Partial<SendOptions> = {}) =>
  send(url, { 'content-type': 'application/json' }, '{"a":"ä"}', { allowsPrivate: true, ...options });

test('sends the body and says the status', async () => {
  expect(await post(receiver.url)).toEqual({ status: 204 });
  expect(receiver.received).toMatchObject([{ body: '{"a":"ä"}', headers: { connection: 'close' } }]);
});

test.each([
  'http://127.0.0.1:PORT/',
  'http://localhost:PORT/',
  'http://0x7f.1:PORT/',
  'http://2130706433:PORT/',
  'http://[::1]:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://[::ffff:7f00:1]:PORT/',
  'http://[::127.0.0.1]:PORT/',
  'http://[64:ff9b::127.0.0.1]:PORT/',
  'http://[64:ff9b:1::7f00:1]:PORT/',
  'http://[2002:7f00:1::]:PORT/',
  'http://0.0.0.0:PORT/',
  'http://[::]:PORT/',
  'http://10.1.2.3/',
  'http://172.16.0.1/',
  'http://192.168.1.1/',
  'http://100.64.0.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://[fe80::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  'http://[fec0::1]/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://metadata.google.internal/',
])('sends nothing to %s', async (url) => {
  const target = url.replace('PORT', new URL(receiver.url).port);
  expect(await post(target, { allowsPrivate: false })).toEqual({ error: 'address_not_allowed' });
  expect(receiver.received).toEqual([]);
});

test.each([
  ['a private address', ['127.0.0.1']],
  ['one of several', ['93.184.215.14', '127.0.0.1']],
  ['one in the form of IPv6', ['::ffff:10.0.0.1']],
])('a name that leads to %s is refused when it is connected to', async (_, addresses) => {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const url = `http://receiver.example:${new URL(receiver.url).port}/`;
  const options = { allowsPrivate: false, lookUp: () => Promise.resolve(found) };
  expect(await post(url, options)).toEqual({ error: 'address_not_allowed' });
  expect(receiver.received).toEqual([]);
});

test('a name is looked up once, so that a second answer of the DNS changes nothing', async () => {
  let lookUps = 0;
  const lookUp = () => Promise.resolve([{ address: lookUps++ === 0 ? '127.0.0.1' : '10.0.0.1', family: 4 }]);
  const url = `http://receiver.example:${new URL(receiver.url).port}/`;
  expect(await post(url, { lookUp })).toEqual({ status: 204 });
  expect(lookUps).toBe(1);
  expect(receiver.received[0]?.headers.host).toBe(new URL(url).host);
});

test('where private addresses are allowed, those with the credentials of machines are not', async () => {
  const mapped = [
    'http://[::ffff:169.254.169.254]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[2002:a9fe:a9fe::]/',
  ];
  for (const url of ['http://169.254.169.254/', 'http://[fd00:ec2::254]/', ...mapped])
    expect(await post(url)).toEqual({ error: 'address_not_allowed' });
});

test('a receiver that asks for another protocol has not taken it, and holds up nothing', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n');
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  expect(await post(`http://127.0.0.1:${port}/`)).toEqual({ error: 'connection_closed' });
  server.close();
});

test('a name without an address is an error of the request, not of the hive', async () => {
  const url = `http://receiver.example:${new URL(receiver.url).port}/`;
  expect(await post(url, { lookUp: () => Promise.resolve([]) })).toEqual({ error: 'connection_failed' });
});

test('a redirect is not followed', async () => {
  const elsewhere = await Receiver.start();
  receiver.reply = () => ({ status: 307, headers: { location: elsewhere.url } });
  expect(await post(receiver.url)).toEqual({ status: 307, error: 'redirect_not_followed' });
  expect(elsewhere.received).toEqual([]);
  elsewhere.close();
});

test('a proxy of the environment is not used', async () => {
  const proxy = await Receiver.start();
  for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY']) process.env[name] = proxy.url;
  try {
    expect(await post(receiver.url)).toEqual({ status: 204 });
    expect(proxy.received).toEqual([]);
  } finally {
    for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY']) Reflect.deleteProperty(process.env, name);
    proxy.close();
  }
});

test('what a receiver answers is shortened, and cannot change a terminal', async () => {
  receiver.reply = () => ({ status: 500, body: `no\u001b[2J\n\n${'x'.repeat(1_000_000)}` });
  const { status, error, answer } = await post(receiver.url);
  expect([status, error]).toEqual([500, 'http_500']);
  expect(answer).toMatch(/^no\\u001b\[2J x+$/);
  expect(answer).toHaveLength(200);
});

test('a receiver can ask for a longer pause, of an hour at most', async () => {
  receiver.reply = () => ({ status: 429, headers: { 'retry-after': '120' } });
  expect(await post(receiver.url)).toMatchObject({ status: 429, retryAfterMs: 120_000 });
  receiver.reply = () => ({ status: 503, headers: { 'retry-after': '999999' } });
  expect(await post(receiver.url)).toMatchObject({ retryAfterMs: 3_600_000 });
});

test('a receiver that never answers is left after the timeout, and its connection with it', async () => {
  const hole = await BlackHole.start();
  const began = performance.now();
  expect(await post(hole.url, { timeoutMs: 300 })).toEqual({ error: 'timeout' });
  expect(performance.now() - began).toBeLessThan(SEND_TIMEOUT_MS); // what others get
  await until(() => hole.open === 0, 60_000, 'the connection is closed');
  hole.close();
});

test('nobody there is a code, and no message', async () => {
  const gone = await Receiver.start();
  const { url } = gone;
  gone.close();
  expect(await post(url)).toEqual({ error: 'connection_refused' });
  expect(await post('https://127.0.0.1:1/')).toEqual({ error: 'connection_refused' });
  expect(await post('http://user:secret@127.0.0.1/')).toEqual({ error: 'address_not_allowed' });
});
