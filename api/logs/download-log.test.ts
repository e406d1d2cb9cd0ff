import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createApiToken } from '../../prisma/queries/api-token.js';
import type { LogLine } from '../../protocol/page.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { listen } from '../../tests/harness/listen.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { createHttpServer } from '../app.js';
import { logEntry } from '../schemas/log.js';

let hive: TestHive;
let nodeId: string;
let server: ReturnType<typeof createHttpServer>;
let base: string;
let directory: string;

beforeAll(async () => {
  hive = await startTestHive({ limits: { streamHeartbeatMs: 150 } });
  nodeId = await seedNode(hive.database, hive.own.id);
  server = createHttpServer(hive.app);
  base = await listen(server);
  directory = await mkdtemp(join(tmpdir(), 'hivesync-download-'));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await hive.close();
  await rm(directory, { recursive: true, force: true });
});

/** 700 lines each, or fewer long ones. */
function pagesOf(lines: LogLine[]): LogLine[][] {
  const pages: LogLine[][] = [];
  let room = 0;
  for (const line of lines) {
    if (room <= 0 || pages.at(-1)?.length === 700) {
      pages.push([]);
      room = 1_000_000;
    }
    pages.at(-1)?.push(line);
    room -= line.content.length;
  }
  return pages;
}

type Status = 'running' | 'completed';

/** Makes an attempt with the lines of these executions. */
async function attemptWith(executions: { status: Status; lines: LogLine[] }[]) {
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const ids: string[] = [];
  for (const [index, { status, lines }] of executions.entries()) {
    const execution = { attemptId, nodeId, ordinal: index + 1, status, declaredLines: lines.length };
    const id = await seedExecution(hive.database, execution);
    for (const page of pagesOf(lines)) await appendPage(hive.database, id, page);
    ids.push(id);
  }
  const complete = () => hive.database.attemptSync.update({ where: { attemptId }, data: { state: 'complete' } });
  if (executions.every(({ status }) => status === 'completed')) await complete();
  return { attemptId, ids, path: `/v1/swarm/attempts/${attemptId}/logs/download` };
}

async function download(path: string, headers: Record<string, string> = {}, token = hive.own.viewer) {
  const response = await fetch(new URL(path, base), {
    headers: { authorization: `Bearer ${token}`, 'accept-encoding': 'identity', ...headers },
  });
  return { response, header: (name: string) => response.headers.get(name) };
}

const textOf = (lines: LogLine[]) => lines.map(({ content }) => `${content}\n`).join('');
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

function curl(...args: string[]): Promise<number> {
  const all = ['--silent', '--header', `authorization: Bearer ${hive.own.viewer}`, ...args];
  return new Promise((resolve) => {
    execFile('curl', all, (error) => resolve(error === null ? 0 : Number(error.code)));
  });
}

/** A way to the hive that breaks after so many bytes of an answer. */
async function breakingWay(bytes: number) {
  const way = createServer((client) => {
    const hiveSocket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.pipe(hiveSocket).on('error', () => undefined);
    client.on('error', () => undefined);
    let left = bytes;
    hiveSocket.on('data', (data: Buffer) => {
      client.write(data.subarray(0, left));
      left -= data.length;
      if (left > 0) return;
      client.end();
      hiveSocket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(way, 'listening');
  return { url: `http://127.0.0.1:${(way.address() as AddressInfo).port}`, close: () => way.close() };
}

test('a log is downloaded as text or NDJSON, compressed if the client accepts it', async () => {
  const lines = makeLines('line', 3000);
  const { attemptId, ids, path } = await attemptWith([
    { status: 'completed', lines },
    { status: 'completed', lines: [] },
  ]);
  const text = await download(path);
  expect(text.header('content-disposition')).toBe(`attachment; filename="${attemptId}.log"`);
  expect(await text.response.text()).toBe(textOf(lines));
  const raw = await download(`${path}?format=ndjson&execution_id=${ids[0] ?? ''}`, { 'accept-encoding': 'gzip' });
  expect(raw.header('content-encoding')).toBe('gzip');
  const entries = (await raw.response.text()).trimEnd().split('\n');
  expect(entries.map((entry) => logEntry.parse(JSON.parse(entry)).seq)).toHaveLength(3000);
});

test('a download of a damaged log does not look complete, and one damaged at its beginning is a problem', async () => {
  const { ids, path } = await attemptWith([{ status: 'completed', lines: makeLines('line', 6300) }]);
  const damage = (firstSeq: number) =>
    hive.database.logPage.updateMany({
      where: { executionId: ids[0] ?? '', firstSeq },
      data: { gzip: new Uint8Array([1, 2, 3]) },
    });
  await damage(5601);
  await expect((await download(path)).response.text()).rejects.toThrow();
  await damage(1);
  const { response, header } = await download(path, { 'accept-encoding': 'gzip' });
  expect([response.status, header('content-encoding'), header('etag')]).toEqual([500, null, null]);
  expect(await response.json()).toMatchObject({ code: 'log_damaged' });
});

test('a download whose token is revoked ends, and does not look complete', async () => {
  const wide = { output_type: 'stdout' as const, content: 'x'.repeat(1_000_000), timestamp: '2026-01-01T10:00:00Z' };
  const { path } = await attemptWith([{ status: 'completed', lines: Array.from({ length: 40 }, () => wide) }]);
  const { secret, token } = await createApiToken(hive.database, {
    organizationId: hive.own.id,
    name: 'download',
    role: 'viewer',
  });
  const { response } = await download(path, {}, secret);
  await hive.database.apiToken.update({ where: { id: token.id }, data: { revokedAt: new Date() } });
  await sleep(300);
  await expect(response.text()).rejects.toThrow();
});

test.each(['text', 'ndjson'])('curl goes on with a %s download that was cut off', async (format) => {
  const { path } = await attemptWith([
    { status: 'completed', lines: makeLines('ü first', 30_000) },
    { status: 'completed', lines: makeLines('second', 20_000) },
  ]);
  const whole = Buffer.from(await (await download(`${path}?format=${format}`)).response.arrayBuffer());
  const file = join(directory, format);
  const way = await breakingWay(Math.floor(whole.length * 0.6));
  try {
    expect(await curl('--output', file, `${way.url}${path}?format=${format}`)).toBe(18); // CURLE_PARTIAL_FILE
    const { size } = await stat(file);
    expect([size > whole.length / 3, size < whole.length]).toEqual([true, true]);
    await truncate(file, size - 1); // not where the server's parts end
    expect(await curl('--continue-at', '-', '--output', file, `${base}${path}?format=${format}`)).toBe(0);
    expect(sha256(await readFile(file))).toBe(sha256(whole));
  } finally {
    way.close();
  }
});

test('ranges have the bytes that the whole file has there, also of joined and of endless lines', async () => {
  const timestamp = '2026-02-01T10:00:00.000Z';
  const line = (content: string, partial: boolean, type: LogLine['output_type'] = 'stdout'): LogLine =>
    partial ? { output_type: type, content, timestamp, partial } : { output_type: type, content, timestamp };
  const big = 'é'.repeat(500_000);
  const dots = Array.from({ length: 9_000 }, (_, index) => line(`.${index}`, index % 10 !== 0));
  const endless = Array.from({ length: 20 }, (_, index) => line(`${index}${big}`, true, 'stderr'));
  const { path } = await attemptWith([
    { status: 'completed', lines: [...dots, ...endless, ...makeLines('between', 6_000)] },
    { status: 'completed', lines: [line('$ ', true), ...makeLines('second', 6_000), line('% ', true)] },
  ]);
  const first = await download(path);
  const whole = Buffer.from(await first.response.arrayBuffer());
  expect([first.header('accept-ranges'), first.header('content-location')]).toEqual(['bytes', null]);
  const starts = [
    0,
    1,
    whole.length - 1,
    ...Array.from({ length: 12 }, () => Math.floor(Math.random() * whole.length)),
  ];
  for (const start of starts) {
    const end = Math.min(whole.length - 1, start + Math.floor(Math.random() * 3_000_000));
    const { response, header } = await download(path, { range: `bytes=${start}-${end}`, 'accept-encoding': 'gzip' });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([response.status, header('content-encoding')]).toEqual([206, null]);
    expect(header('content-range')).toBe(`bytes ${start}-${end}/${whole.length}`);
    expect([start, sha256(bytes)]).toEqual([start, sha256(whole.subarray(start, end + 1))]);
  }
  const last = await download(path, { range: 'bytes=-10' });
  expect(Buffer.from(await last.response.arrayBuffer())).toEqual(whole.subarray(-10));
});

test('a range behind the end is refused with the size; several ranges are answered with the whole', async () => {
  const lines = makeLines('line', 10);
  const { path } = await attemptWith([{ status: 'completed', lines }]);
  const text = textOf(lines);
  const refused = await download(path, { range: `bytes=${text.length}-` });
  expect([refused.response.status, refused.header('content-range')]).toEqual([416, `bytes */${text.length}`]);
  expect([refused.header('etag'), refused.header('cache-control')]).toEqual([null, 'no-store']);
  expect(await refused.response.json()).toMatchObject({ code: 'range_not_satisfiable' });
  for (const range of ['bytes=0-1,4-5', 'bytes=x', 'lines=0-1', '']) {
    const { response } = await download(path, { range });
    expect([range, response.status, await response.text()]).toEqual([range, 200, text]);
  }
  const file = join(directory, 'has-all');
  expect(await curl('--output', file, base + path)).toBe(0);
  await curl('--continue-at', '-', '--output', file, base + path);
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('of a file that is shorter than the last bytes that are asked for, all of it is sent', async () => {
  const lines = makeLines('line', 10);
  const { path } = await attemptWith([{ status: 'completed', lines }]);
  const text = textOf(lines);
  for (const length of [text.length, text.length + 1, '9'.repeat(30)]) {
    const { response, header } = await download(path, { range: `bytes=-${length}` });
    expect([response.status, await response.text()]).toEqual([206, text]);
    expect(header('content-range')).toBe(`bytes 0-${text.length - 1}/${text.length}`);
  }
  expect((await download(path, { range: 'bytes=-0' })).response.status).toBe(416);
});

test('If-Match gets the file that it names, and no other', async () => {
  const { path } = await attemptWith([{ status: 'completed', lines: makeLines('line', 10) }]);
  const etag = (await download(path)).header('etag') ?? '';
  for (const [condition, status] of [
    [etag, 206],
    [`"other", ${etag}`, 206],
    ['*', 206],
    ['"other"', 412],
    [`W/${etag}`, 412],
  ] as const) {
    const { response } = await download(path, { range: 'bytes=5-', 'if-match': condition });
    expect([condition, response.status]).toEqual([condition, status]);
    if (status === 412) expect(await response.json()).toMatchObject({ code: 'precondition_failed' });
  }
});

test('If-Range continues the same bytes only', async () => {
  const lines = makeLines('line', 1000);
  const { path } = await attemptWith([{ status: 'completed', lines }]);
  const whole = await download(path);
  const etag = whole.header('etag') ?? '';
  expect(etag).toMatch(/^"[\w-]{22}"$/);
  const compressed = (await download(path, { 'accept-encoding': 'gzip' })).header('etag');
  expect(compressed).toBe(etag.replace(/"$/, '-gzip"'));
  for (const [condition, status] of [
    [etag, 206],
    [`W/${etag}`, 200],
    [compressed ?? '', 200],
    ['"other"', 200],
    ['Wed, 21 Oct 2015 07:28:00 GMT', 200],
  ] as const) {
    const { response } = await download(path, { range: 'bytes=5-', 'if-range': condition });
    const text = await response.text();
    expect([condition, response.status, text]).toEqual([
      condition,
      status,
      textOf(lines).slice(status === 206 ? 5 : 0),
    ]);
  }
  const same = await download(path, { 'if-none-match': etag });
  expect([same.response.status, await same.response.text(), same.header('etag')]).toEqual([304, '', etag]);
});

test('the file of a growing log is the same again at its Content-Location, whatever came later', async () => {
  const [a, b] = [makeLines('a', 900), makeLines('b', 400)];
  const { attemptId, ids, path } = await attemptWith([
    {
      status: 'running',
      lines: [...a, ...makeLines('x', 1).map((line) => ({ ...line, content: 'prompt> ', partial: true as const }))],
    },
    { status: 'running', lines: b },
  ]);
  const first = await download(path);
  const text = await first.response.text();
  expect(text).toBe(`${textOf(a)}prompt> \n${textOf(b)}`);
  expect(first.header('accept-ranges')).toBe('none');
  expect((await download(path, { range: 'bytes=5-' })).response.status).toBe(200);
  const again = new URL(first.header('content-location') ?? '', new URL(path, base));
  await appendPage(hive.database, ids[0] ?? '', makeLines('later', 300));
  await hive.database.execution.updateMany({ where: { attemptId }, data: { status: 'completed', declaredLines: 400 } });
  await appendPage(hive.database, await seedExecution(hive.database, { attemptId, nodeId, ordinal: 3 }), b);
  const same = await download(again.href, { range: 'bytes=5000-', 'if-range': first.header('etag') ?? '' });
  expect([same.response.status, await same.response.text()]).toEqual([206, text.slice(5000)]);
  expect((await download(path, { range: 'bytes=5-', 'if-range': first.header('etag') ?? '' })).response.status).toBe(
    200,
  );
  // the node has begun the log anew: its old lines are no longer there
  await hive.database.execution.update({
    where: { id: ids[1] ?? '' },
    data: { logEpoch: 1, storedEpoch: 1, storedLines: 0 },
  });
  const other = await download(again.href, { range: 'bytes=5-', 'if-range': first.header('etag') ?? '' });
  expect(other.response.status).toBe(200);
  expect((await download(`${path}?until=12`)).response.status).toBe(400);
});

test('a download whose log is replaced or deleted meanwhile does not look complete', async () => {
  const wide = { output_type: 'stdout' as const, content: 'x'.repeat(1_000_000), timestamp: '2026-01-01T10:00:00Z' };
  const { attemptId, path } = await attemptWith([
    { status: 'completed', lines: Array.from({ length: 40 }, () => wide) },
  ]);
  const { response } = await download(path);
  await hive.database.attempt.delete({ where: { id: attemptId } });
  await expect(response.text()).rejects.toThrow();
});
