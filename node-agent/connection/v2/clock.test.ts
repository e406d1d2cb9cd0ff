import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { connectedNode, type ConnectedNode } from '../../testing/connected-node.js';
import { obliging } from '../../testing/scripted-hive.js';
import { addLines, startExecution } from '../../testing/temporary-store.js';

const HOUR_MS = 60 * 60 * 1000;

describe('while the clock jumps back an hour', () => {
  let node: ConnectedNode;
  beforeEach(async () => {
    node = await connectedNode();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await node.stop();
  });

  function jump(): void {
    const real = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => real() - HOUR_MS);
  }

  test('the silence of the hive is noticed', async () => {
    node.hive.handler = () => undefined;
    const peer = await node.connect({ silenceMs: 500 });
    await peer.count('heartbeat');
    jump();
    await peer.closed;
    expect(peer.of('heartbeat').length).toBeGreaterThan(0);
  });

  test('what is announced and not answered is announced again', async () => {
    startExecution(node.store);
    const oblige = obliging();
    node.hive.handler = (frame, peer) => {
      if (frame.type !== 'attempt_sync' && frame.type !== 'execution_sync') oblige(frame, peer);
    };
    const peer = await node.connect({ resendMs: 300 });
    await peer.count('execution_sync');
    jump();
    await peer.count('attempt_sync', 2);
    await peer.count('execution_sync', 2);
  });

  test('a page that is not answered is sent again', async () => {
    const { key } = startExecution(node.store);
    const oblige = obliging();
    node.hive.handler = (frame, peer) => {
      if (frame.type !== 'log_page') oblige(frame, peer);
    };
    const peer = await node.connect({ resendMs: 300 });
    addLines(node.store, key, 3);
    await peer.count('log_page');
    jump();
    await peer.count('log_page', 2);
  });

  test('pages go on after the hive was busy', async () => {
    const { key, id: execution_id } = startExecution(node.store);
    const oblige = obliging();
    node.hive.handler = (frame, peer) => {
      const isFirstPage = frame.type === 'log_page' && peer.of('log_page').length === 1;
      if (isFirstPage) peer.send('log_refused', { execution_id, first_seq: 1, stored_through: 0, code: 'busy' });
      else oblige(frame, peer);
    };
    const peer = await node.connect({ resendMs: 10_000 });
    addLines(node.store, key, 3);
    await peer.count('log_page');
    await sleep(300);
    jump();
    await peer.count('log_page', 2);
  });
});
