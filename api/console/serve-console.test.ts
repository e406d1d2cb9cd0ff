/** The console's files as a browser gets them. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { listen } from '../../tests/harness/listen.js';
import { createHttpServer } from '../app.js';

const PAGE = `<!doctype html><div id="console"></div>${' '.repeat(500)}`;
const SCRIPT = `console.log(${'1,'.repeat(500)} 1)`;
const PAGES = [
  '/',
  '/attempts',
  '/attempts/7d0e0a52-0000-4000-8000-000000000001',
  '/nodes',
  '/backfills',
  '/search',
  '/sign-in',
];

let folder: string;
let hive: TestHive;
let server: ReturnType<typeof createHttpServer>;
let base: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hivesync-console-'));
  await mkdir(join(folder, 'assets'));
  const files = { 'index.html': PAGE, 'assets/main-1a2b.js': SCRIPT };
  for (const [path, content] of Object.entries(files)) {
    await writeFile(join(folder, path), content);
    await writeFile(join(folder, `${path}.br`), brotliCompressSync(content));
    await writeFile(join(folder, `${path}.gz`), gzipSync(content));
  }
  await writeFile(join(folder, 'assets', 'icon-3c4d.svg'), '<svg/>');
  hive = await startTestHive({ consoleFolder: folder, hstsSeconds: 60 });
  server = createHttpServer(hive.app);
  base = await listen(server);
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await hive.close();
  await rm(folder, { recursive: true });
});

/** Unlike fetch, it shows what travels. */
async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { request } = await import('node:http');
  return new Promise<{ status: number; headers: Record<string, string | undefined>; body: Buffer }>(
    (resolve, reject) => {
      const asking = request(base + path, { method, headers }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => {
          const { statusCode: status = 0, headers: answered } = response;
          resolve({ status, headers: answered as Record<string, string | undefined>, body: Buffer.concat(pieces) });
        });
      });
      asking.once('error', reject);
      asking.end();
    },
  );
}

describe('the page', () => {
  test.each(PAGES)('is at %s, so that a link to it and a reload work', async (path) => {
    const { status, headers, body } = await ask(path);
    expect([status, body.toString()]).toEqual([200, PAGE]);
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
  });

  test('is nowhere else: a program that asks for what is not there gets a problem', async () => {
    for (const path of ['/attempts/a/b', '/nowhere', '/v1/nowhere', '/index.html', '/Nodes', '/assets', '/console']) {
      const { status, headers } = await ask(path);
      expect([path, status, headers['content-type']]).toEqual([path, 404, expect.stringContaining('problem+json')]);
    }
    expect((await ask('/', {}, 'POST')).status).toBe(404);
  });

  test('runs nothing but its own scripts and styles, and is in no frame', async () => {
    for (const path of ['/', '/assets/main-1a2b.js']) {
      const { headers } = await ask(path);
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
          "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      );
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'strict-transport-security': 'max-age=60',
      });
    }
    expect((await ask('/docs')).headers['content-security-policy']).toContain("default-src 'self'");
  });
});

describe('a file', () => {
  test('whose name changes with its content is kept for a year', async () => {
    const { status, headers, body } = await ask('/assets/main-1a2b.js');
    expect([status, body.toString()]).toEqual([200, SCRIPT]);
    expect(headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-length': String(SCRIPT.length),
      vary: 'accept-encoding',
    });
    expect((await ask('/assets/icon-3c4d.svg')).headers['content-type']).toBe('image/svg+xml');
  });

  test.each([
    ['br', 'gzip, deflate, br, zstd'],
    ['br', 'br;q=0.5, gzip;q=0.5'],
    ['gzip', 'gzip, deflate'],
    ['gzip', 'gzip, br;q=0'],
    [undefined, 'identity'],
    [undefined, ''],
  ])('comes as %s to who takes %j', async (encoding, accepted) => {
    for (const [path, text] of [
      ['/', PAGE],
      ['/assets/main-1a2b.js', SCRIPT],
    ] as const) {
      const { headers, body } = await ask(path, { 'accept-encoding': accepted });
      expect(headers['content-encoding']).toBe(encoding);
      expect(headers['content-length']).toBe(String(body.byteLength));
      const plain = encoding === 'br' ? brotliDecompressSync(body) : encoding === 'gzip' ? gunzipSync(body) : body;
      expect(plain.toString()).toBe(text);
    }
  });

  test('that was not compressed in advance comes as it is', async () => {
    const { headers, body } = await ask('/assets/icon-3c4d.svg', { 'accept-encoding': 'br' });
    expect([headers['content-encoding'], body.toString()]).toEqual([undefined, '<svg/>']);
  });

  test('is not sent again to who has it', async () => {
    for (const path of ['/', '/assets/main-1a2b.js']) {
      const { headers: first } = await ask(path, { 'accept-encoding': 'br' });
      const etag = first['etag'] ?? '';
      const { status, headers, body } = await ask(path, { 'if-none-match': etag, 'accept-encoding': 'gzip' });
      expect([status, body.length]).toEqual([304, 0]);
      expect(headers).toMatchObject({ etag, 'cache-control': first['cache-control'], vary: 'accept-encoding' });
      expect((await ask(path, { 'if-none-match': 'W/"other"' })).status).toBe(200);
    }
  });

  test('HEAD answers as GET does, without a body', async () => {
    const ofTheMoment = /^(date|x-request-id)$/;
    for (const path of ['/', '/assets/main-1a2b.js', '/assets/none.js']) {
      const [get, head] = [
        await ask(path, { 'accept-encoding': 'br' }),
        await ask(path, { 'accept-encoding': 'br' }, 'HEAD'),
      ];
      const lasting = ({ headers }: typeof get) => Object.entries(headers).filter(([name]) => !ofTheMoment.test(name));
      if (get.status === 200) expect(lasting(head)).toEqual(lasting(get));
      expect([head.status, head.body.length]).toEqual([get.status, 0]);
    }
  });

  test.each([
    '/assets/none.js',
    '/assets/main-1a2b.js.br',
    '/assets/../index.html',
    '/assets/%2e%2e/index.html',
    '/assets/%00',
  ])('that is not there is a problem, which no cache keeps: %s', async (path) => {
    const { status, headers } = await ask(path);
    expect([status, headers['cache-control']]).toEqual([404, 'no-store']);
  });
});

test('a hive that was built without its console says so', async () => {
  for (const consoleFolder of [undefined, join(folder, 'nowhere'), join(folder, 'assets')]) {
    const without = await startTestHive(consoleFolder === undefined ? {} : { consoleFolder });
    try {
      const response = await without.get('/');
      expect([response.status, response.text]).toEqual([
        404,
        'This hive was built without its console; programs use the API, which /docs describes.\n',
      ]);
    } finally {
      await without.close();
    }
  }
});
