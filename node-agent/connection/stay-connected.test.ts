import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connectionOptions } from '../testing/connected-node.js';
import { ScriptedHive } from '../testing/scripted-hive.js';
import { temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { stayConnected, type Delays } from './stay-connected.js';

const FAST: Delays = { reconnectMs: [20, 100], refusedMs: [300, 300], supersededMs: [400, 1000] };

describe('staying connected', () => {
  let hive: ScriptedHive;
  let temporary: TemporaryStore;
  let controller: AbortController;
  beforeEach(async () => {
    hive = await ScriptedHive.start();
    temporary = temporaryStore();
    controller = new AbortController();
  });
  afterEach(async () => {
    controller.abort();
    await hive.stop();
    temporary.remove();
  });

  const start = (timing?: { silenceMs: number }) =>
    stayConnected(
      { ...connectionOptions(hive, temporary.store), signal: controller.signal, ...(timing && { timing }) },
      FAST,
    );

  test('connects again after the connection is lost', async () => {
    const ended = start();
    (await hive.peer(0)).socket.terminate();
    (await hive.peer(1)).socket.close(1001);
    await hive.peer(2);
    controller.abort();
    await ended;
  });

  test('closes with 1000 when it is stopped', async () => {
    const ended = start();
    const peer = await hive.peer(0);
    controller.abort();
    await ended;
    expect((await peer.closed)[0]).toBe(1000);
  });

  test('can be stopped while it waits for the next attempt', async () => {
    await hive.stop();
    const ended = start();
    await sleep(100);
    controller.abort();
    await ended;
  });

  test('waits longer after it was refused', async () => {
    hive.auth = { success: false, error: 'revoked' };
    const ended = start();
    const first = await hive.peer(0);
    const second = await hive.peer(1);
    expect(second.since - first.since).toBeGreaterThan(250);
    controller.abort();
    await ended;
  });

  test('waits much longer after it was superseded', async () => {
    const ended = start();
    const peer = await hive.peer(0);
    peer.send('close', { reason: 'superseded by a newer connection of this node' });
    peer.socket.close(1000);
    const second = await hive.peer(1);
    expect(second.since - peer.since).toBeGreaterThan(350);
    controller.abort();
    await ended;
  });

  test('closes a connection without heartbeat_ack', async () => {
    hive.handler = () => undefined;
    const ended = start({ silenceMs: 500 });
    const peer = await hive.peer(0);
    await peer.closed;
    expect(peer.of('heartbeat')[0]).toMatchObject({ status: 'online' });
    await hive.peer(1);
    controller.abort();
    await ended;
  });
});
