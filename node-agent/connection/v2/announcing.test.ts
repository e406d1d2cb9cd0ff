import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '../../../tests/harness/until.js';
import { Database } from '../../store/sqlite.js';
import { pino } from 'pino';
import { forgetAllAcks } from '../../store/acknowledgements.js';
import { findAttempt, getAttempt, pendingAttempts } from '../../store/attempts.js';
import { heldMarkers } from '../../store/markers.js';
import { connectedNode, type ConnectedNode } from '../../testing/connected-node.js';
import { obliging, type Peer, type Received } from '../../testing/scripted-hive.js';
import { endedExecution, finishExecution, row, startExecution } from '../../testing/temporary-store.js';

const metadata = ({ type }: Received) => ['attempt_sync', 'execution_sync', 'announced'].includes(type);
const types = (peer: Peer) => peer.received.filter(metadata).map(({ type }) => type);
const settle = (ms = 200) => sleep(ms);

describe('announcing', () => {
  let node: ConnectedNode;
  let log: string[];
  beforeEach(async () => {
    log = [];
    node = await connectedNode({
      busyTimeoutMs: 50,
      logger: pino({}, { write: (line: string) => void log.push(line) }),
    });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await node.stop();
  });

  /** The time from here on, as the node reads it: it goes on only when the test says so. */
  function stopClock(): { forward(ms: number): void } {
    let now = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    return { forward: (ms) => (now += ms) };
  }

  const nothingIsPending = () => until(() => pendingAttempts(node.store, 0, 10).length === 0);

  /** A hive that answers nothing but heartbeats. */
  const silent = () => {
    node.hive.handler = (frame, peer) => {
      if (frame.type === 'heartbeat') peer.send('heartbeat_ack', { server_time: '' });
    };
  };

  test('introduces the node as docs/protocol.md says', async () => {
    await node.connect();
    expect(node.hive.auths[0]).toMatchObject({
      api_key: 'key',
      machine_id: node.store.machineId(),
      name: 'test',
      protocol_version: 2,
      capabilities: { os: process.platform, arch: process.arch },
    });
  });

  test('announces each attempt, then its executions in order, then the count', async () => {
    const first = endedExecution(node.store, { lines: 2, createdAt: '2026-01-02T00:00:02.000Z' });
    const second = endedExecution(node.store, { attemptId: first.attempt_id, createdAt: '2026-01-02T00:00:01.000Z' });
    startExecution(node.store);
    const peer = await node.connect();
    const [announced] = await peer.count('announced');
    expect(announced).toEqual({ count: 2 });
    expect(types(peer)).toEqual([
      'attempt_sync',
      'execution_sync',
      'execution_sync',
      'attempt_sync',
      'execution_sync',
      'announced',
    ]);
    expect(peer.of('attempt_sync')[0]).toMatchObject({ attempt_id: first.attempt_id, revision: 4, execution_count: 2 });
    const executions = peer.of('execution_sync').slice(0, 2);
    expect(executions.map(({ execution_id }) => execution_id)).toEqual([second.id, first.id]);
    expect(executions.map(({ revision }) => revision)).toEqual([4, 4]);
    expect(executions[1]).toMatchObject({ status: 'completed', log_lines: 2, log_epoch: 1, dropped: false });
  });

  /** A hive that has the first `count` attempts it hears of as complete. */
  const completing = (count: number) => {
    const plain = obliging();
    const complete = new Set<string>();
    node.hive.handler = (frame, peer) => {
      if (frame.type === 'attempt_sync') {
        const { attempt_id, revision } = frame.data;
        if (complete.size < count) complete.add(attempt_id);
        const sync_state = complete.has(attempt_id) ? 'complete' : 'partial';
        peer.send('sync_ack', { attempt_id, revision, sync_state });
      } else plain(frame, peer);
    };
  };

  test('announces again what no marker covers that the hive still knows, and what is not complete', async () => {
    const [kept, lost] = [endedExecution(node.store), endedExecution(node.store)];
    completing(3);
    const before = await node.connect();
    await before.count('announced');
    await before.handled();
    const [known, unknown] = [randomUUID(), randomUUID()];
    before.send('marker', { id: known });
    await before.handled();
    // complete since the first marker: another execution of `lost`, and an attempt that no marker covers
    endedExecution(node.store, { attemptId: lost.attempt_id });
    await before.until(() => before.of('execution_sync').some(({ revision }) => revision === 4), 'the change');
    await before.handled();
    before.send('marker', { id: unknown });
    await before.handled();
    const uncovered = endedExecution(node.store);
    await before.until(() => before.of('attempt_sync').some((it) => it.attempt_id === uncovered.attempt_id), 'it');
    await nothingIsPending();
    await node.disconnect();

    node.hive.auth = { known_markers: [known] };
    const peer = await node.connect();
    expect(node.hive.auths.map(({ markers }) => markers)).toEqual([[], [unknown, known]]);
    expect(await peer.count('announced')).toEqual([{ count: 2 }]);
    expect(peer.of('attempt_sync').map(({ attempt_id }) => attempt_id)).toEqual([
      lost.attempt_id,
      uncovered.attempt_id,
    ]);
    expect(peer.of('execution_sync')).toHaveLength(3);
    expect(heldMarkers(node.store)).toEqual([known]);
    const [said] = log.filter((line) => line.includes('its database went back to an earlier state'));
    expect(said).toContain('or this node was away for over 30 days');
    await peer.handled();
    await node.disconnect();
    node.hive.auth = {}; // an older hive, which knows nothing of markers
    const again = await node.connect();
    expect(await again.count('announced')).toEqual([{ count: 0 }]);
    expect(getAttempt(node.store, kept.attempt_key)).toMatchObject({ acked_state: 'complete' });
  });

  test('a store that is busy at the login is compared later, and nothing is announced or covered before', async () => {
    const [lost, running] = [endedExecution(node.store), startExecution(node.store, { lines: 2 })];
    completing(2);
    const before = await node.connect();
    await before.count('log_page');
    await before.handled();
    before.send('marker', { id: randomUUID() });
    await before.handled();
    await node.disconnect();

    node.hive.auth = { known_markers: [] }; // it has lost everything
    node.hive.handler = obliging();
    const other = new Database(join(node.dataDir, 'node.db'));
    other.exec('BEGIN IMMEDIATE');
    const peer = await node.connect();
    await settle(1500);
    const early = peer.received.filter(({ type }) => type !== 'heartbeat');
    other.exec('ROLLBACK');
    other.close();
    peer.send('marker', { id: randomUUID() });
    expect(await peer.count('announced')).toEqual([{ count: 2 }]);
    expect(early).toEqual([]);
    expect(peer.of('attempt_sync').map(({ attempt_id }) => attempt_id)).toEqual([lost.attempt_id, running.attempt_id]);
    await peer.count('log_page'); // the lost lines
    expect(peer.of('log_page')[0]?.header).toMatchObject({ execution_id: running.id, first_seq: 1, last_seq: 2 });
    const id = randomUUID();
    peer.send('marker', { id });
    await peer.handled();
    expect(heldMarkers(node.store)[0]).toBe(id);
  });

  test('a change by another command, as of `announce --all`, is announced while connected', async () => {
    const executions = Array.from({ length: 3 }, () => endedExecution(node.store));
    completing(3);
    const peer = await node.connect();
    await peer.count('announced');
    await nothingIsPending();
    expect(forgetAllAcks(node.store)).toBe(3);
    await peer.count('execution_sync', 6);
    expect(
      peer
        .of('attempt_sync')
        .slice(3)
        .map(({ attempt_id }) => attempt_id),
    ).toEqual(executions.map(({ attempt_id }) => attempt_id));
  });

  test('sets an attempt aside that the hive refuses, running or not, and goes on with the others', async () => {
    const plain = obliging();
    const [ended, running] = [endedExecution(node.store), startExecution(node.store, { lines: 3 })];
    const foreign = new Set([ended.attempt_id, running.attempt_id]);
    const code = 'belongs_to_another_node';
    node.hive.handler = (frame, peer) => {
      const isSync = frame.type === 'attempt_sync' || frame.type === 'execution_sync';
      if (!isSync || !foreign.has(frame.data.attempt_id)) return plain(frame, peer);
      const { attempt_id, revision } = frame.data;
      const execution_id = frame.type === 'execution_sync' ? frame.data.execution_id : null;
      peer.send('sync_refused', { attempt_id, execution_id, revision, code });
    };
    const own = startExecution(node.store, { lines: 2 });
    const resendMs = 30_000;
    const peer = await node.connect({ resendMs });
    await peer.count('log_page'); // of its own attempt
    await until(() => [...foreign].every((id) => findAttempt(node.store, id)?.refused === code));
    await nothingIsPending();
    stopClock().forward(resendMs);
    // at every heartbeat, what was not answered until then has been sent again
    await peer.count('heartbeat', peer.of('heartbeat').length + 2);
    expect(peer.of('attempt_sync').map(({ attempt_id }) => attempt_id)).toEqual([...foreign, own.attempt_id]);
    expect(peer.of('log_page').map(({ header }) => header.execution_id)).toEqual([own.id]);
    for (const id of foreign) expect(findAttempt(node.store, id)).toMatchObject({ refused: code });
    await node.disconnect();

    const later = await node.connect();
    expect(await later.count('announced')).toEqual([{ count: 0 }]);
    finishExecution(node.store, running.key); // a change: the hive is told, and may have given the attempt up
    foreign.clear();
    await later.until(() => later.of('execution_sync').some(({ execution_id }) => execution_id === running.id), 'it');
    await until(() => findAttempt(node.store, running.attempt_id)?.refused === null);
    expect(findAttempt(node.store, ended.attempt_id)).toMatchObject({ refused: code });
  });

  test('announces every change at once', async () => {
    const peer = await node.connect();
    await peer.count('announced');
    const { key, id } = startExecution(node.store);
    await peer.count('execution_sync'); // the start
    finishExecution(node.store, key);
    await peer.count('execution_sync', 2); // the end
    expect(types(peer)).toEqual(['announced', 'attempt_sync', 'execution_sync', 'attempt_sync', 'execution_sync']);
    expect(peer.of('execution_sync')[1]).toMatchObject({ execution_id: id, status: 'completed', revision: 2 });
    await nothingIsPending();
  });

  test('has at most 256 frames unacknowledged, and goes on as they are acknowledged', async () => {
    for (let count = 0; count < 200; count++) endedExecution(node.store);
    silent();
    const peer = await node.connect();
    await peer.until(() => types(peer).length >= 256, '256 frames');
    await settle();
    expect(types(peer)).toHaveLength(256);
    const answer = obliging();
    node.hive.handler = answer;
    for (const frame of [...peer.received].filter(metadata)) answer(frame, peer);
    expect(await peer.count('announced')).toEqual([{ count: 200 }]);
    expect(peer.of('execution_sync')).toHaveLength(200);
  });

  test('asks for the positions of attempts that become complete: of the first at once, of the next ones together', async () => {
    const executions = Array.from({ length: 3 }, () => endedExecution(node.store, { lines: 2 }));
    const peer = await node.connect();
    await peer.count('announced');
    await nothingIsPending();
    const asked = () => peer.of('execution_sync').slice(3);
    const complete = (index: number) => {
      const attempt = getAttempt(node.store, executions[index]?.attempt_key ?? 0);
      if (!attempt) throw new Error('no attempt');
      peer.send('sync_ack', { attempt_id: attempt.id, revision: attempt.revision, sync_state: 'complete' });
    };
    stopClock(); // from one round to the next it takes half a second then, also where the test is slow
    complete(0);
    await until(() => getAttempt(node.store, executions[0]?.attempt_key ?? 0)?.acked_state === 'complete');
    await settle(400);
    await peer.handled();
    expect(asked()).toHaveLength(1);
    complete(1);
    complete(2);
    await settle(100);
    expect(asked()).toHaveLength(1);
    await peer.until(() => asked().length >= 3, 'the others');
    expect(asked().map(({ execution_id }) => execution_id)).toEqual(executions.map(({ id }) => id));
  });

  test('sends again what was not answered, less and less often', async () => {
    endedExecution(node.store);
    silent();
    const clock = stopClock();
    const peer = await node.connect({ resendMs: 200 });
    await peer.count('execution_sync');
    clock.forward(200);
    await peer.count('execution_sync', 2);
    clock.forward(200);
    // what is due is sent just before a heartbeat
    await peer.count('heartbeat', peer.of('heartbeat').length + 2);
    expect([peer.of('attempt_sync').length, peer.of('execution_sync').length]).toEqual([2, 2]);
    clock.forward(200);
    await peer.count('execution_sync', 3);
  });

  test('moves past a newer revision of the hive and announces everything again', async () => {
    const execution = endedExecution(node.store);
    const plain = obliging();
    node.hive.handler = (frame, peer) => {
      if (frame.type === 'attempt_sync' && frame.data.revision < 10) {
        peer.send('sync_ack', { attempt_id: frame.data.attempt_id, revision: 9, sync_state: 'partial' });
      } else plain(frame, peer);
    };
    const peer = await node.connect();
    await peer.until(() => peer.of('execution_sync').some(({ revision }) => revision === 10), 'a newer announcement');
    await peer.handled();
    expect(getAttempt(node.store, execution.attempt_key)).toMatchObject({ revision: 10, acked_revision: 10 });
    expect(pendingAttempts(node.store, 0, 10)).toEqual([]);
  });

  test('says that it does not have an attempt that the hive tells it about', async () => {
    const peer = await node.connect();
    await peer.count('announced');
    const attempt_id = '00000000-0000-4000-8000-000000000001';
    peer.send('sync_ack', { attempt_id, revision: 3, sync_state: 'partial' });
    expect(await peer.count('error')).toMatchObject([{ message_id: attempt_id }]);
  });

  test('starts a new epoch when the hive has more lines, and announces it', async () => {
    const execution = endedExecution(node.store, { lines: 3 });
    const peer = await (async () => {
      node.hive.handler = obliging(new Map([[execution.id, 5]]));
      return node.connect();
    })();
    await peer.count('execution_sync', 2);
    expect(peer.of('execution_sync')[1]).toMatchObject({ log_epoch: 2, revision: 3 });
    expect(row(node.store, execution.key).log_epoch).toBeGreaterThanOrEqual(2);
  });

  test('announces the attempt again when the hive does not know an execution', async () => {
    const execution = endedExecution(node.store);
    const plain = obliging();
    let refusals = 1;
    node.hive.handler = (frame, peer) => {
      if (frame.type === 'execution_sync' && refusals-- > 0) {
        peer.send('log_refused', {
          execution_id: execution.id,
          first_seq: 1,
          stored_through: 0,
          code: 'unknown_execution',
        });
      } else plain(frame, peer);
    };
    const peer = await node.connect();
    await peer.count('execution_sync', 2);
    expect(peer.of('attempt_sync').length).toBeGreaterThanOrEqual(2);
  });

  test('marks executions as killed while it is connected, if their recorder is gone', async () => {
    const execution = startExecution(node.store);
    node.store.prepare("UPDATE execution SET recorder_started = 'earlier' WHERE key = ?").run(execution.key);
    const peer = await node.connect();
    const [sync] = await peer.count('execution_sync');
    expect(sync).toMatchObject({ status: 'killed', execution_id: execution.id });
  });
});
