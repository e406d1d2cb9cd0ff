/** The way to the hive through a proxy: for the socket, for requests over HTTP, and as `connect` and `prune` take it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createLogger } from '../log.js';
import { AgentProcesses, succeeds } from '../testing/agent-process.js';
import { ConnectProxy } from '../testing/connect-proxy.js';
import { privateAuthority } from '../testing/private-authority.js';
import { ScriptedHive } from '../testing/scripted-hive.js';
import { temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { requestJson } from './http.js';
import type { ConnectionEnd } from './open-socket.js';
import { proxyFor } from './proxy.js';
import { openConnection } from './v2/connection.js';

const HOST = 'hive.example.test';
const SOCKET = `ws://${HOST}/v1/nodes/ws`;

const variables = (): string[] => Object.keys(process.env).filter((name) => /proxy$/i.test(name));
const before = Object.fromEntries(variables().map((name) => [name, process.env[name]]));
function clearVariables(): void {
  for (const name of variables()) Reflect.deleteProperty(process.env, name);
}
beforeEach(clearVariables);
afterEach(() => {
  clearVariables();
  Object.assign(process.env, before);
});

describe('the proxy for an address', () => {
  test.each([
    ['wss://h.test/x', { HTTPS_PROXY: 'http://p:3128', HTTP_PROXY: 'http://other:1' }, 'http://p:3128 (HTTPS_PROXY)'],
    ['https://h.test/x', { https_proxy: 'http://p:3128' }, 'http://p:3128 (https_proxy)'],
    ['ws://h.test/x', { HTTP_PROXY: 'http://p:3128' }, 'http://p:3128 (HTTP_PROXY)'],
    ['wss://h.test/x', { ALL_PROXY: 'http://p:3128' }, 'http://p:3128 (ALL_PROXY)'],
    ['wss://h.test/x', { HTTPS_PROXY: 'p:3128' }, 'http://p:3128 (HTTPS_PROXY)'],
    ['wss://h.test/x', { HTTPS_PROXY: 'https://p' }, 'https://p (HTTPS_PROXY)'],
    ['wss://h.test/x', { HTTPS_PROXY: 'http://p:3128', NO_PROXY: 'x.test, h.test' }, undefined],
    ['wss://h.test/x', { HTTPS_PROXY: 'http://p:3128', no_proxy: '.test' }, undefined],
    ['wss://h.test/x', { HTTPS_PROXY: 'http://p:3128', no_proxy: 'other.test' }, 'http://p:3128 (HTTPS_PROXY)'],
    ['wss://h.test/x', { HTTPS_PROXY: '' }, undefined],
    ['ws://127.0.0.1:3000/x', { HTTP_PROXY: 'http://p:3128' }, undefined],
    ['ws://localhost:3000/x', { HTTP_PROXY: 'http://p:3128' }, undefined],
    ['ws://[::1]:3000/x', { HTTP_PROXY: 'http://p:3128' }, undefined],
  ])('%s with %j', (address, environment, name) => {
    Object.assign(process.env, environment);
    expect(proxyFor(new URL(address))?.name).toBe(name);
  });

  test.each(['socks5://p:1080', 'http://', 'http://u:%zz@p:1'])('must be an HTTP proxy: %s', (value) => {
    process.env['HTTPS_PROXY'] = value;
    expect(() => proxyFor(new URL('wss://h.test'))).toThrow(/^HTTPS_PROXY: /);
  });

  test('has its user and password in no name', () => {
    process.env['HTTPS_PROXY'] = 'http://me:s3cr%40t@p:3128';
    const proxy = proxyFor(new URL('wss://h.test'));
    expect(proxy?.authorization).toBe(`Basic ${Buffer.from('me:s3cr@t').toString('base64')}`);
    expect(`${proxy?.name} ${proxy?.url.href}`).not.toContain('s3cr');
  });
});

describe('a socket through a proxy', () => {
  let hive: ScriptedHive;
  let proxy: ConnectProxy;
  let store: TemporaryStore;
  let controller: AbortController;
  beforeEach(async () => {
    [hive, proxy, store] = [await ScriptedHive.start(), await ConnectProxy.start(), temporaryStore()];
    proxy.port = Number(new URL(hive.url).port);
    process.env['HTTP_PROXY'] = `http://${proxy.host}`;
    controller = new AbortController();
  });
  afterEach(async () => {
    controller.abort();
    await proxy.stop();
    await hive.stop();
    store.remove();
  });

  function open(handshakeMs = 60_000): Promise<ConnectionEnd> {
    const node = { url: SOCKET, apiKey: 'key', name: 'test', store: store.store, logger: createLogger('silent') };
    return openConnection({ ...node, signal: controller.signal, timing: { handshakeMs } });
  }

  async function failure(handshakeMs?: number): Promise<string> {
    const end = await open(handshakeMs);
    expect(end.kind).toBe('unreachable');
    return end.reason;
  }

  test('reaches a hive whose name only the proxy knows', async () => {
    const end = open();
    await (await hive.peer(0)).count('announced');
    expect(proxy.asked).toEqual([`${HOST}:80`]);
    controller.abort();
    expect(await end).toMatchObject({ kind: 'ended' });
  });

  test('logs in at the proxy; without the right password, the failure says what to do and no secret', async () => {
    proxy.authorization = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
    expect(await failure()).toBe(
      `the proxy http://${proxy.host} (HTTP_PROXY) asks for a user and a password (407): its address must be http://USER:PASSWORD@HOST:PORT`,
    );
    process.env['HTTP_PROXY'] = `http://me:wrong@${proxy.host}`;
    expect(await failure()).toMatch(/^the proxy http:\/\/[\d.:]+ \(HTTP_PROXY\) does not accept the password \(407\)/);
    process.env['HTTP_PROXY'] = `http://me:s3cret@${proxy.host}`;
    void open();
    await hive.peer(0);
  });

  test('fails with the reason when the proxy refuses, cuts or is not there', async () => {
    proxy.manner = 'refuses';
    expect(await failure()).toContain('refuses to connect there (403)');
    proxy.manner = 'cuts';
    expect(await failure()).toMatch(/the proxy .* does not answer: /);
    proxy.manner = 'cuts later';
    expect(await failure()).toMatch(/\(through the proxy .*\)$/);
    await proxy.stop();
    expect(await failure()).toContain('(HTTP_PROXY) does not answer: ECONNREFUSED: nothing listens there');
    proxy = await ConnectProxy.start();
  });

  test('gives a silent proxy up, and leaves no connection to it open', async () => {
    proxy.manner = 'silent';
    expect(await failure(100)).toContain('(HTTP_PROXY) does not answer: no answer in time');
    while (proxy.connections > 0) await sleep(5);
    controller.abort();
  });

  test('leaves no connection to a silent proxy open when it is stopped', async () => {
    proxy.manner = 'silent';
    const end = open(60_000);
    while (proxy.asked.length === 0) await sleep(5);
    controller.abort();
    expect(await end).toMatchObject({ kind: 'unreachable' });
    while (proxy.connections > 0) await sleep(5);
  });
});

describe('a request through a proxy', () => {
  let server: Server;
  let proxy: ConnectProxy;
  beforeEach(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        response.writeHead(201, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ method: request.method, url: request.url, body, ...request.headers }));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await ConnectProxy.start();
    proxy.port = (server.address() as AddressInfo).port;
    process.env['HTTP_PROXY'] = `http://${proxy.host}`;
  });
  afterEach(async () => {
    await proxy.stop();
    server.closeAllConnections();
    server.close();
  });

  test('is answered, with JSON both ways', async () => {
    const answer = await requestJson(new URL(`http://${HOST}/v1/x?q=1`), {
      method: 'POST',
      body: { a: 1 },
      headers: { authorization: 'Bearer k' },
    });
    expect(answer).toMatchObject({ status: 201, contentType: 'application/json' });
    expect(answer.body).toMatchObject({ method: 'POST', url: '/v1/x?q=1', body: '{"a":1}', authorization: 'Bearer k' });
    expect(proxy.asked).toEqual([`${HOST}:80`]);
  });

  test("does not take a proxy's refusal for the hive's answer", async () => {
    proxy.manner = 'refuses';
    await expect(requestJson(new URL(`http://${HOST}/`))).rejects.toThrow(
      /^the hive at http:\/\/hive.example.test does not answer \(the proxy .* refuses to connect there \(403\)/,
    );
    proxy.manner = 'silent';
    await expect(requestJson(new URL(`http://${HOST}/`), { timeoutMs: 100 })).rejects.toThrow('no answer in time');
  });
});

(succeeds('openssl', 'version') ? describe : describe.skip)(
  '`node-agent` behind a proxy, with a private authority',
  () => {
    let directory: string;
    let hive: ScriptedHive;
    let proxy: ConnectProxy;
    let stopTls: () => void;
    let caFile: string;
    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), 'node-agent-proxy-'));
      const authority = privateAuthority(directory, HOST);
      caFile = authority.caFile;
      [hive, proxy] = [await ScriptedHive.start(), await ConnectProxy.start()];
      const tls = createTlsServer(authority, (socket) => {
        const upstream = connectTcp(Number(new URL(hive.url).port), '127.0.0.1');
        upstream.on('error', () => socket.destroy());
        socket.on('error', () => upstream.destroy());
        socket.pipe(upstream).pipe(socket);
      });
      tls.on('tlsClientError', () => undefined); // the test looks at the client's side
      tls.listen(0, '127.0.0.1');
      await once(tls, 'listening');
      proxy.port = (tls.address() as AddressInfo).port;
      stopTls = () => void tls.close();
    });
    afterEach(async () => {
      await hive.stop();
      await proxy.stop();
      stopTls();
      rmSync(directory, { recursive: true, force: true });
    });

    function agent(extra: NodeJS.ProcessEnv): AgentProcesses {
      const node = { HIVE_URL: `https://${HOST}`, NODE_API_KEY: 'key', NO_PROXY: 'localhost,127.0.0.1' };
      return new AgentProcesses(join(directory, 'store'), { ...node, ...extra });
    }

    test('`connect` reaches the hive, and logs no credential', async () => {
      proxy.authorization = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
      const environment = { HTTPS_PROXY: `http://me:s3cret@${proxy.host}`, NODE_EXTRA_CA_CERTS: caFile, DEBUG: '*' };
      const running = agent(environment).start(['connect']);
      await (await hive.peer(0)).count('announced');
      expect(proxy.asked).toContain(`${HOST}:443`);
      running.child.kill('SIGTERM');
      expect(await running.ended).toBe(0);
      expect(running.stderr).toContain('connected to the hive');
      expect(running.stderr).not.toContain('s3cret');
      expect(running.stderr).not.toContain(Buffer.from('me:s3cret').toString('base64'));
    });

    test('without the authority, `connect` names NODE_EXTRA_CA_CERTS', async () => {
      const running = agent({ https_proxy: proxy.host }).start(['connect']);
      await running.printed('let NODE_EXTRA_CA_CERTS name a file');
      running.child.kill('SIGTERM');
      await running.ended;
    });
  },
);
