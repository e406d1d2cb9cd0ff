import { randomUUID } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { meetHive } from '../store/acknowledgements.js';
import { openStore } from '../store/open.js';
import { connectionOptions } from '../testing/connected-node.js';
import { ScriptedHive } from '../testing/scripted-hive.js';
import { startExecution } from '../testing/temporary-store.js';
import { followStore } from './follow-store.js';
import { stayConnected, type Delays } from './stay-connected.js';

const FAST: Delays = { reconnectMs: [20, 100], refusedMs: [300, 300], supersededMs: [400, 1000] };

describe('a store that is deleted or replaced under a connection', () => {
  let directory: string;
  let dataDir: string;
  let hive: ScriptedHive;
  let controller: AbortController;
  let log: string[];
  let following: Promise<void>;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-follow-'));
    dataDir = join(directory, 'data');
    hive = await ScriptedHive.start();
    controller = new AbortController();
    log = [];
    const logger = pino({}, { write: (line: string) => void log.push(line) });
    const follow = { open: () => openStore(dataDir), logger, signal: controller.signal, lookMs: 20 };
    following = followStore(follow, (store, signal) =>
      stayConnected({ ...connectionOptions(hive, store), logger, signal }, FAST),
    );
  });
  afterEach(async () => {
    controller.abort();
    await following;
    await hive.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Records an attempt in the store that is there now. @returns its id */
  function record(): string {
    const store = openStore(dataDir);
    try {
      return startExecution(store).attempt_id;
    } finally {
      store.close();
    }
  }

  test('is given up for a new one with the same identity, which is mirrored', async () => {
    await (await hive.peer(0)).count('announced');
    rmSync(dataDir, { recursive: true });
    const peer = await hive.peer(1);
    expect(hive.auths[1]?.machine_id).toBe(hive.auths[0]?.machine_id);
    expect(log.join('')).toContain(`the store in ${dataDir} was deleted or replaced`);
    const attemptId = record();
    await peer.until(() => peer.of('attempt_sync').some(({ attempt_id: id }) => id === attemptId), 'the new attempt');
  });

  test('is given up for one that a command has made meanwhile, which gets the identity', async () => {
    await hive.peer(0);
    rmSync(dataDir, { recursive: true });
    const attemptId = record();
    const peer = await hive.peer(1);
    await peer.until(() => peer.of('attempt_sync').some(({ attempt_id: id }) => id === attemptId), 'the new attempt');
    expect(hive.auths[1]?.machine_id).toBe(hive.auths[0]?.machine_id);
  });

  test('keeps the identity of another node, and the log says what to do', async () => {
    await hive.peer(0);
    const other = openStore(join(directory, 'other'));
    meetHive(other, randomUUID());
    other.close();
    rmSync(dataDir, { recursive: true });
    renameSync(join(directory, 'other'), dataDir);
    await hive.peer(1);
    expect(hive.auths[1]?.machine_id).not.toBe(hive.auths[0]?.machine_id);
    expect(log.join('')).toContain('belongs to another node');
  });
});
