import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EventSource } from 'eventsource';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { appendPage, makeLines, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import { createApiToken } from '../../prisma/queries/api-token.js';
import type { LogLine } from '../../protocol/page.js';
import { createHttpServer } from '../app.js';
import { logStreamsCutOff } from '../metrics.js';
import { logEntry, type LogEntry } from '../schemas/log.js';
import { listen } from '../../tests/harness/listen.js';
import { until } from '../../tests/harness/until.js';

let hive: TestHive;
let nodeId: string;
let server: ReturnType<typeof createHttpServer>;
let base: string;
const stopping = new AbortController();

beforeAll(async () => {
  hive = await startTestHive({
    stopping: stopping.signal,
    limits: { followIntervalMs: 30, streamHeartbeatMs: 150, streams: 250 },
  });
  nodeId = await seedNode(hive.database, hive.own.id);
  server = createHttpServer(hive.app);
  base = await listen(server);
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await hive.close();
});

async function attemptWith(status: 'running' | 'completed', lines: number) {
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const executionId = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1, status });
  if (lines > 0) await appendPage(hive.database, executionId, makeLines('line', lines));
  const end = async (declaredLines: number) => {
    await hive.database.execution.update({ where: { id: executionId }, data: { status: 'completed', declaredLines } });
    await hive.database.attemptSync.update({ where: { attemptId }, data: { state: 'complete' } });
  };
  return { attemptId, executionId, end };
}

interface Event {
  id?: string;
  event?: string;
  data?: string;
  comment?: boolean;
}

async function* events(attemptId: string, headers: Record<string, string> = {}, token = hive.own.viewer, from = base) {
  const controller = new AbortController();
  const response = await fetch(`${from}/v1/swarm/attempts/${attemptId}/logs/stream`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: controller.signal,
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  try {
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString('utf8');
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) yield parseEvent(part);
    }
  } finally {
    controller.abort();
  }
}

function parseEvent(part: string): Event {
  if (part.startsWith(':') || part.startsWith('retry: ')) return { comment: true };
  return Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]));
}

const isEntry = ({ id, event }: Event) => id !== undefined && event === undefined;
const entryOf = (event: Event): LogEntry => logEntry.parse(JSON.parse(event.data ?? 'null'));

test('a stream sends what is stored, then new lines, and ends when the log has ended', async () => {
  const { attemptId, executionId, end } = await attemptWith('running', 1500);
  const entries: LogEntry[] = [];
  let ended: Event | undefined;
  for await (const event of events(attemptId)) {
    if (event.comment) continue;
    if (event.event) ended = event;
    else entries.push(entryOf(event));
    if (entries.length === 1500) await appendPage(hive.database, executionId, makeLines('line', 10, 1501));
    if (entries.length === 1510) await end(1510);
  }
  expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 1510 }, (_, index) => index + 1));
  expect(ended).toEqual({ event: 'end', data: '{"reason":"complete"}', id: 'f1' });
});

test.each([0, 1200])('an EventSource reads a log of %d lines that ends once, and does not come back', async (lines) => {
  const { attemptId, executionId, end } = await attemptWith('running', lines);
  const statuses: number[] = [];
  const source = new EventSource(`${base}/v1/swarm/attempts/${attemptId}/logs/stream`, {
    fetch: async (url, init) => {
      const headers = { ...init.headers, authorization: `Bearer ${hive.own.viewer}` };
      const response = await fetch(url, { ...init, headers });
      statuses.push(response.status);
      return response;
    },
  });
  const seqs: number[] = [];
  const others: string[] = [];
  source.onmessage = ({ data }) => seqs.push(logEntry.parse(JSON.parse(data as string)).seq);
  source.addEventListener('end', ({ data }) => others.push(data as string));
  source.onopen = () => {
    if (statuses.length > 1) return;
    void appendPage(hive.database, executionId, makeLines('line', 10, lines + 1)).then(() => end(lines + 10));
  };
  await until(() => source.readyState === EventSource.CLOSED, 60_000, 'the source is closed');
  expect(seqs).toEqual(Array.from({ length: lines + 10 }, (_, index) => index + 1));
  expect([others, statuses]).toEqual([['{"reason":"complete"}'], [200, 204]]);
});

test('an EventSource of an empty log that has ended does not come back either', async () => {
  const { attemptId, end } = await attemptWith('completed', 0);
  await end(0);
  const received: Event[] = [];
  for await (const event of events(attemptId)) received.push(event);
  expect(received.at(-1)).toMatchObject({ event: 'end', id: 'f1' });
  const path = `/v1/swarm/attempts/${attemptId}/logs/stream`;
  const again = await hive.get(path).set('last-event-id', 'f1');
  expect([again.status, again.text]).toEqual([204, '']);
  expect((await hive.get(`${path}?cursor=f1`)).status).toBe(204);
  // what runs in it later is streamed from there
  const second = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 2, declaredLines: 2 });
  await appendPage(hive.database, second, makeLines('line', 2));
  const headers = { authorization: `Bearer ${hive.own.viewer}`, 'last-event-id': 'f1' };
  const isOpen = async () => (await fetch(base + path, { method: 'HEAD', headers })).status === 200;
  await until(isOpen, 60_000, 'the new lines are noticed');
  const later: Event[] = [];
  for await (const event of events(attemptId, { 'last-event-id': 'f1' })) later.push(event);
  expect(later.flatMap(({ id }) => id ?? [])).toEqual(['f1.2-1', 'f1.2-2', 'f2']);
});

test('the headers of a stream can be asked for', async () => {
  const { attemptId } = await attemptWith('running', 1);
  const path = `/v1/swarm/attempts/${attemptId}/logs/stream`;
  const headers = { authorization: `Bearer ${hive.own.viewer}` };
  const head = await fetch(base + path, { method: 'HEAD', headers });
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const unknown = await fetch(base + path.replace(attemptId, hive.own.id), { method: 'HEAD', headers });
  expect(unknown.status).toBe(404);
});

test('a stream resumes from Last-Event-ID with two executions running', async () => {
  const { attemptId, executionId, end } = await attemptWith('running', 20);
  const second = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 2, status: 'running' });
  await appendPage(hive.database, second, makeLines('second', 20));
  const seen: LogEntry[] = [];
  let last = '';
  for await (const event of events(attemptId)) {
    if (!isEntry(event)) continue;
    seen.push(entryOf(event));
    last = event.id ?? '';
    if (seen.length === 33) break;
  }
  await appendPage(hive.database, executionId, makeLines('line', 5, 21));
  await hive.database.execution.update({ where: { id: second }, data: { status: 'failed', declaredLines: 20 } });
  await end(25);
  for await (const event of events(attemptId, { 'last-event-id': last })) if (isEntry(event)) seen.push(entryOf(event));
  const ids = seen.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(seen.filter(({ execution_id: id }) => id === executionId).map(({ seq }) => seq)).toHaveLength(25);
  expect(seen.filter(({ execution_id: id }) => id === second).map(({ seq }) => seq)).toHaveLength(20);
});

test('an idle stream sends comments, and ends when its token is revoked', async () => {
  const { attemptId } = await attemptWith('running', 0);
  const received: Event[] = [];
  for await (const event of events(attemptId, {}, hive.own.admin)) {
    received.push(event);
    if (received.length === 2) {
      await hive.database.apiToken.updateMany({ where: { role: 'admin' }, data: { revokedAt: new Date() } });
    }
  }
  expect(received.slice(0, 2)).toEqual([{ comment: true }, { comment: true }]);
  expect(received.at(-1)).toEqual({ event: 'failed', data: '{"reason":"unauthenticated"}' });
});

/** A token that the test revokes. */
async function newToken(name: string) {
  const { secret, token } = await createApiToken(hive.database, { organizationId: hive.own.id, name, role: 'viewer' });
  const revoke = () => hive.database.apiToken.update({ where: { id: token.id }, data: { revokedAt: new Date() } });
  return { secret, revoke };
}

test('a stream to which new lines come all the time ends when its token is revoked', async () => {
  const { attemptId, executionId } = await attemptWith('running', 1);
  const token = await newToken('busy');
  const over = new AbortController();
  let lines = 1;
  const writing = (async () => {
    while (!over.signal.aborted && lines < 400) {
      await appendPage(hive.database, executionId, makeLines('line', 1, ++lines));
      await sleep(20);
    }
  })();
  let linesAtRevocation = 0;
  let last: Event = {};
  for await (const event of events(attemptId, {}, token.secret)) {
    last = event;
    if (linesAtRevocation > 0 || lines < 10) continue;
    await token.revoke();
    linesAtRevocation = lines;
  }
  over.abort();
  await writing;
  expect(last).toEqual({ event: 'failed', data: '{"reason":"unauthenticated"}' });
  expect(lines - linesAtRevocation).toBeLessThan(200);
});

test('a stream ends when its attempt is deleted', async () => {
  const { attemptId } = await attemptWith('running', 1);
  let last: Event = {};
  for await (const event of events(attemptId)) {
    last = event;
    if (isEntry(event)) await hive.database.attempt.delete({ where: { id: attemptId } });
  }
  expect(last).toEqual({ event: 'failed', data: '{"reason":"not_found"}' });
});

test('an unknown attempt and a bad cursor are answered with problems', async () => {
  const { attemptId } = await attemptWith('running', 1);
  expect((await hive.get(`/v1/swarm/attempts/${hive.own.id}/logs/stream`)).body).toMatchObject({ status: 404 });
  const bad = await hive.get(`/v1/swarm/attempts/${attemptId}/logs/stream`).set('last-event-id', 'x');
  expect(bad.body).toMatchObject({ code: 'invalid_cursor' });
});

/** All lines, also if it is cut off: a machine that stands still makes every reader look as if it took nothing. */
async function seqsOf(attemptId: string, from: string): Promise<number[]> {
  const seqs: number[] = [];
  for (let last: string | undefined; ;) {
    try {
      for await (const event of events(
        attemptId,
        last === undefined ? {} : { 'last-event-id': last },
        undefined,
        from,
      )) {
        if (event.event === 'end') return seqs;
        if (!isEntry(event)) continue;
        seqs.push(entryOf(event).seq);
        last = event.id;
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // else fetch lost the connection
    }
  }
}

test('a reader that takes nothing is cut off, and other readers get every line', async () => {
  const hasty = await startTestHive({
    database: hive.database,
    limits: { followIntervalMs: 30, streamHeartbeatMs: 150, streamStallMs: 700 },
  });
  const hastyServer = createHttpServer(hasty.app);
  const hastyBase = await listen(hastyServer);
  const { attemptId, executionId, end } = await attemptWith('running', 0);
  const cutOffs = async () => (await logStreamsCutOff.get()).values[0]?.value;
  const before = await cutOffs();
  const idle = connect((hastyServer.address() as AddressInfo).port, '127.0.0.1');
  await once(idle, 'connect');
  idle.pause();
  let text = '';
  idle.on('data', (chunk: Buffer) => (text += chunk.toString())).on('error', () => undefined);
  const closed = new Promise((resolve) => idle.once('close', resolve));
  idle.write(
    `GET /v1/swarm/attempts/${attemptId}/logs/stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${hive.own.viewer}\r\n\r\n`,
  );
  const reader = seqsOf(attemptId, hastyBase);
  const wide = { output_type: 'stdout' as const, content: 'x'.repeat(1_000_000), timestamp: '2026-01-01T10:00:00Z' };
  const append = async (lines: number) => {
    for (let index = 0; index < lines; index++) await appendPage(hive.database, executionId, [wide]);
  };
  await append(40); // more than the buffers between take
  while ((await cutOffs()) === before) await sleep(20);
  idle.resume(); // it has two seconds to fetch the reason, in which nothing else happens
  await closed;
  await append(20);
  await end(60);
  expect(await reader).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  expect(text.length).toBeLessThan(40 * 1_000_000);
  expect(text).toMatch(/event: cut_off\ndata: {"reason":"nothing was read for 0.7 s/);
  hastyServer.closeAllConnections();
  hastyServer.close();
  await hasty.close();
});

test('a text download joins partial entries; streams and NDJSON keep them, and say that they are partial', async () => {
  const attemptId = await seedAttempt(hive.database, { organizationId: hive.own.id, nodeId });
  const first = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 1 });
  const second = await seedExecution(hive.database, { attemptId, nodeId, ordinal: 2 });
  const timestamp = '2026-02-01T10:00:00.000Z';
  const line = (content: string, partial = false, type: LogLine['output_type'] = 'stdout'): LogLine =>
    partial ? { output_type: type, content, timestamp, partial } : { output_type: type, content, timestamp };
  const big = 'x'.repeat(1024 * 1024);
  await appendPage(hive.database, first, [line('Name: ', true), line('oops', false, 'stderr')]);
  await appendPage(hive.database, first, [line('Ada'), line(big, true), line(big, true), line('end')]);
  await appendPage(hive.database, first, [line('$ ', true)]);
  await appendPage(hive.database, second, [line('one'), line('dots..', true)]);
  for (const [id, declaredLines] of [
    [first, 7],
    [second, 2],
  ] as const)
    await hive.database.execution.update({ where: { id }, data: { declaredLines } });
  await hive.database.attemptSync.update({ where: { attemptId }, data: { state: 'complete' } });
  const path = `/v1/swarm/attempts/${attemptId}/logs/download`;
  const { text } = await hive.get(path);
  expect(text === `oops\nName: Ada\n${big}${big}end\n$ \none\ndots..\n`).toBe(true);
  const raw = await fetch(`${base}${path}?format=ndjson`, { headers: { authorization: `Bearer ${hive.own.viewer}` } });
  const entries = (await raw.text())
    .trimEnd()
    .split('\n')
    .map((json) => logEntry.parse(JSON.parse(json)));
  const partial = [true, undefined, undefined, true, true, undefined, true, undefined, true];
  expect(entries.map((entry) => entry.partial)).toEqual(partial);
  const streamed: LogEntry[] = [];
  for await (const event of events(attemptId)) if (isEntry(event)) streamed.push(entryOf(event));
  expect(streamed.length).toBe(entries.length);
  expect(JSON.stringify(streamed) === JSON.stringify(entries)).toBe(true);
});

test('two hundred readers of one running execution get every line once and in order', async () => {
  const { attemptId, executionId, end } = await attemptWith('running', 500);
  const readers = Array.from({ length: 200 }, async () => {
    let count = 0;
    for await (const event of events(attemptId)) {
      if (isEntry(event) && !event.data?.includes(`"seq":${++count},`)) throw new Error(`line ${count} is missing`);
    }
    return count;
  });
  for (let from = 501; from <= 1400; from += 100) {
    await appendPage(hive.database, executionId, makeLines('line', 100, from));
    await sleep(50);
  }
  await end(1400);
  expect(new Set(await Promise.all(readers))).toEqual(new Set([1400]));
});

test('streams end when the process stops', async () => {
  const { attemptId } = await attemptWith('running', 1);
  let last: Event = {};
  for await (const event of events(attemptId)) {
    last = event;
    if (isEntry(event)) stopping.abort();
  }
  expect(last).toEqual({ event: 'failed', data: '{"reason":"stopping"}' });
});
