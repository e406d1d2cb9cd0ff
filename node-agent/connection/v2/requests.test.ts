import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MAX_DESCRIBED_BYTES } from '../../../protocol/limits.js';
import { linesOfPage } from '../../../tests/harness/page-lines.js';
import type { LogLine } from '../../../protocol/page.js';
import { connectedNode, type ConnectedNode } from '../../testing/connected-node.js';
import type { Peer } from '../../testing/scripted-hive.js';
import { addLines, endedExecution, startExecution } from '../../testing/temporary-store.js';

const settle = (ms = 150) => sleep(ms);

describe('requests of the hive', () => {
  let node: ConnectedNode;
  beforeEach(async () => {
    node = await connectedNode();
  });
  afterEach(() => node.stop());

  async function connect(): Promise<Peer> {
    const peer = await node.connect();
    await peer.count('announced');
    return peer;
  }

  function read(peer: Peer, executionId: string, { after = 0, credit = 100, id = randomUUID() } = {}): string {
    peer.send('read_logs', {
      request_id: id,
      execution_id: executionId,
      after_seq: after,
      max_page_bytes: 4_000_000,
      credit,
    });
    return id;
  }

  const pagesOf = (peer: Peer, requestId: string) =>
    peer.of('log_page').filter(({ header }) => header.request_id === requestId);
  const pages = (peer: Peer, requestId: string, count: number) =>
    peer.until(() => pagesOf(peer, requestId).length >= count, `${count} pages`);
  const ended = (peer: Peer, requestId: string) =>
    peer.until(() => peer.of('logs_end').some(({ request_id }) => request_id === requestId), 'logs_end');

  describe('describe_attempt', () => {
    test('gives all executions in order over several frames', async () => {
      const { attempt_id: attemptId } = endedExecution(node.store);
      const action = JSON.stringify({ script: 'x'.repeat(200_000) });
      for (let count = 0; count < 5; count++) endedExecution(node.store, { attemptId, action });
      for (let count = 0; count < 600; count++)
        endedExecution(node.store, { attemptId, createdAt: '2026-02-01T00:00:00.000Z' });
      const peer = await connect();
      const ids: string[] = [];
      for (let frames = 1; ; frames++) {
        const after_execution_id = ids.at(-1) ?? null;
        peer.send('describe_attempt', { request_id: randomUUID(), attempt_id: attemptId, after_execution_id });
        const described = (await peer.count('attempt_described', frames)).at(-1);
        if (!described) throw new Error('not described');
        expect(described.attempt).toMatchObject({ attempt_id: attemptId, execution_count: 606 });
        expect(described.executions.length).toBeLessThanOrEqual(500);
        expect(Buffer.byteLength(JSON.stringify(described))).toBeLessThanOrEqual(MAX_DESCRIBED_BYTES);
        ids.push(...described.executions.map(({ execution_id }) => execution_id));
        if (!described.more) break;
      }
      expect(new Set(ids).size).toBe(606);
      const stored = node.store.prepare<{ id: string }>('SELECT id FROM execution ORDER BY created_at, id').all();
      expect(ids).toEqual(stored.map(({ id }) => id));
    });

    test('fails with not_found for what the node does not have', async () => {
      const peer = await connect();
      peer.send('describe_attempt', { request_id: randomUUID(), attempt_id: randomUUID() });
      expect(await peer.count('request_failed')).toMatchObject([{ code: 'not_found' }]);
    });
  });

  describe('read_logs', () => {
    test('gives exactly the lines after the position, then the end', async () => {
      const { id } = endedExecution(node.store, { lines: 3500 });
      const peer = await connect();
      const request = read(peer, id, { after: 500 });
      await ended(peer, request);
      expect(peer.received.filter(({ type }) => type !== 'heartbeat').at(-1)).toEqual({
        type: 'logs_end',
        data: { request_id: request, log_lines: 3500, log_epoch: 1, status: 'completed' },
      });
      const lines: LogLine[] = [];
      for (const { header, gzip } of pagesOf(peer, request)) {
        expect(header.first_seq).toBe(500 + lines.length + 1);
        lines.push(...(await linesOfPage({ gzip, firstSeq: header.first_seq, lastSeq: header.last_seq })));
      }
      expect(lines.map(({ content }) => content)).toEqual(
        Array.from({ length: 3000 }, (_, index) => `line ${index + 501}`),
      );
    });

    test('ends at once if there are no lines, or none after the position', async () => {
      const { id } = endedExecution(node.store);
      const peer = await connect();
      await ended(peer, read(peer, id));
      await ended(peer, read(peer, id, { after: 10 }));
      expect(peer.of('log_page')).toEqual([]);
    });

    test('sends no more pages than it has credit for', async () => {
      const { id } = endedExecution(node.store, { lines: 5000 });
      const peer = await connect();
      const request = read(peer, id, { credit: 2 });
      await pages(peer, request, 2);
      await settle();
      expect(pagesOf(peer, request)).toHaveLength(2);
      peer.send('grant', { request_id: request, pages: 1 });
      await pages(peer, request, 3);
      await settle();
      expect(pagesOf(peer, request)).toHaveLength(3);
      expect(peer.of('logs_end')).toEqual([]);
      peer.send('grant', { request_id: request, pages: 10 });
      await ended(peer, request);
      expect(pagesOf(peer, request)).toHaveLength(5);
    });

    test('stops when it is cancelled, and still sends logs_end', async () => {
      const { id } = endedExecution(node.store, { lines: 5000 });
      const peer = await connect();
      const request = read(peer, id, { credit: 1 });
      await pages(peer, request, 1);
      peer.send('cancel', { request_id: request });
      await ended(peer, request);
      expect(pagesOf(peer, request)).toHaveLength(1);
      expect(peer.of('logs_end')).toMatchObject([{ request_id: request, log_lines: 5000 }]);
    });

    test('serves several readers, and one that waits for credit does not block the others', async () => {
      const { id } = endedExecution(node.store, { lines: 20_000 });
      const peer = await connect();
      const waiting = read(peer, id, { credit: 1 });
      const others = [read(peer, id), read(peer, id), read(peer, id)];
      for (const other of others) await ended(peer, other);
      for (const other of others) expect(pagesOf(peer, other)).toHaveLength(20);
      await pages(peer, waiting, 1);
      expect(pagesOf(peer, waiting)).toHaveLength(1);
    });

    test('fails with not_found for an execution the node does not have', async () => {
      const peer = await connect();
      const request = read(peer, randomUUID());
      expect(await peer.count('request_failed')).toMatchObject([{ request_id: request, code: 'not_found' }]);
    });

    test('fails with internal, without content, when the store cannot be read', async () => {
      const { id, key } = endedExecution(node.store, { lines: 2000 });
      const peer = await connect();
      node.store.prepare('DELETE FROM log_page WHERE execution_key = ? AND last_seq > 1000').run(key);
      const request = read(peer, id);
      expect(await peer.count('request_failed')).toMatchObject([{ request_id: request, code: 'internal' }]);
      expect(peer.of('logs_end')).toEqual([]);
    });

    test('ends with the new epoch if it was raised meanwhile', async () => {
      const { id, key } = endedExecution(node.store, { lines: 3000 });
      const peer = await connect();
      const request = read(peer, id, { credit: 1 });
      await pages(peer, request, 1);
      node.store.prepare('UPDATE execution SET log_epoch = 2 WHERE key = ?').run(key);
      peer.send('grant', { request_id: request, pages: 5 });
      await ended(peer, request);
      expect(pagesOf(peer, request)).toHaveLength(1);
      expect(peer.of('logs_end')).toMatchObject([{ log_epoch: 2 }]);
    });

    test('defers live pages of the execution until it ends', async () => {
      const { id, key } = startExecution(node.store, { lines: 1500 });
      const peer = await connect();
      await peer.until(() => peer.of('log_page').at(-1)?.header.last_seq === 1500, 'the live page');
      const before = peer.of('log_page').length;
      const request = read(peer, id, { credit: 1 });
      await pages(peer, request, 1);
      addLines(node.store, key, 10);
      await settle();
      expect(
        peer
          .of('log_page')
          .slice(before)
          .every(({ header }) => header.request_id === request),
      ).toBe(true);
      peer.send('cancel', { request_id: request });
      await ended(peer, request);
      await peer.until(() => peer.of('log_page').at(-1)?.header.last_seq === 1510, 'live again');
      expect(peer.of('log_page').at(-1)?.header).toMatchObject({ first_seq: 1501 });
    });
  });

  test('is not disturbed by frames it does not know', async () => {
    const { id } = endedExecution(node.store, { lines: 1 });
    const peer = await connect();
    for (const bad of ['', '{', '[]', '{"type":"unknown","data":{}}', '{"type":"read_logs","data":{}}'])
      peer.socket.send(bad);
    peer.socket.send(Buffer.from([0, 0, 0, 1]));
    await ended(peer, read(peer, id));
  });
});
