/** A real node, and a hive whose database goes back to an earlier state while the node is connected. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { stayConnected } from '../node-agent/connection/stay-connected.js';
import { createLogger } from '../node-agent/log.js';
import { findAttempt } from '../node-agent/store/attempts.js';
import { openStore } from '../node-agent/store/open.js';
import {
  finishExecution,
  startExecution,
  temporaryStore,
  type TemporaryStore,
} from '../node-agent/testing/temporary-store.js';
import { copyDatabase, replaceDatabase } from './harness/database.js';
import { startTestGateway, type TestGateway } from './harness/test-gateway.js';
import { until } from './harness/until.js';

const DELAYS = { reconnectMs: [20, 200], refusedMs: [100, 200], supersededMs: [60_000, 60_000] } as const;

let hive: TestGateway;
let recorder: TemporaryStore;
let stop: () => Promise<void>;

beforeEach(async () => {
  hive = await startTestGateway({ markerMs: 300 });
  recorder = temporaryStore();
  const store = openStore(recorder.dataDir);
  const controller = new AbortController();
  const { secret: apiKey } = await hive.newKey();
  const url = `${hive.url.replace('http', 'ws')}/v1/nodes/ws`;
  const options = { url, apiKey, name: 'node', store, logger: createLogger('silent'), signal: controller.signal };
  const connection = stayConnected(options, DELAYS);
  stop = async () => {
    controller.abort();
    await connection;
    store.close();
    recorder.remove();
    await hive.stop();
  };
});

afterEach(() => stop());

/** Records an attempt that becomes complete by live pages. @returns its id, once a marker covers it */
async function record(): Promise<string> {
  const { key, attempt_id: id } = startExecution(recorder.store, { lines: 3 });
  const isKnown = async () => (await hive.database.attempt.count({ where: { id } })) === 1;
  await until(isKnown, 60_000, 'the hive knows the attempt');
  finishExecution(recorder.store, key);
  const isCovered = () => {
    const attempt = findAttempt(recorder.store, id);
    return attempt?.acked_state === 'complete' && attempt.covered_by !== null;
  };
  await until(isCovered, 60_000, 'the attempt is complete, and a marker covers it');
  // the marker is written after it is sent
  const isWritten = async () => (await hive.database.historyMarker.count({ where: { id: newestMarker() } })) === 1;
  await until(isWritten, 60_000, 'the marker that covers it is written');
  return id;
}

/** @returns the newest marker that the node has, which covers everything that it was told before */
function newestMarker(): string {
  return recorder.store.value('SELECT id FROM marker ORDER BY seq DESC LIMIT 1') as string;
}

/** Changes whenever the node announces the attempt, because its state is then computed again. */
async function judgedBy(id: string): Promise<string | undefined> {
  const [row] = await hive.database.$queryRaw<{ xmin: string }[]>`
    SELECT xmin::text AS xmin FROM attempt_sync WHERE attempt_id = ${id}::uuid`;
  return row?.xmin;
}

test('a connected node announces exactly what the database has lost', async () => {
  const kept = await record();
  const judged = await judgedBy(kept);
  const backup = await copyDatabase(hive.databaseUrl);
  const lost = [await record(), await record()];
  await replaceDatabase(hive.databaseUrl, backup);
  const isBack = async () => {
    const where = { attemptId: { in: lost }, needsBackfill: true };
    return (await hive.database.attemptSync.count({ where }).catch(() => 0)) === lost.length;
  };
  await until(isBack, 60_000, 'what was lost is announced, and needs a backfill');
  await until(() => hive.drained.length > 0, 60_000, 'a drain fetches it');
  expect(await judgedBy(kept)).toBe(judged);
  const isTold = () => lost.every((id) => findAttempt(recorder.store, id)?.acked_state === 'partial');
  await until(isTold, 60_000, 'the node is told that the hive does not have it');
  expect(findAttempt(recorder.store, kept)).toMatchObject({ acked_state: 'complete' });
});
