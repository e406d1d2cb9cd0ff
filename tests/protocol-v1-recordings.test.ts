/**
 * Recordings of an original node's conversation (tests/fixtures/v1): the scripted node still says the same, and a hive
 * takes them in. `UPDATE_RECORDINGS=1` writes them anew.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { nodeFrameV1 } from '../protocol/v1/frames.js';
import { storedLinesOf } from './harness/page-lines.js';
import { ScriptedV1Node } from './harness/scripted-v1-node.js';
import { batchConnectionTo, startTestGateway, type TestGateway } from './harness/test-gateway.js';
import { until } from './harness/until.js';
import { attemptsIn, replay } from './harness/v1-replay.js';
import { readRecording, recordingPath, recordings } from './harness/v1-recordings.js';

let hive: TestGateway;
const names = Object.keys(recordings);

beforeAll(async () => {
  hive = await startTestGateway();
});

afterAll(() => hive.stop());

test.each(names)('%s: the scripted node says what is recorded, byte for byte', async (name) => {
  const frames = (await recordings[name]?.()) ?? [];
  const text = frames.map((frame) => `${JSON.stringify(frame)}\n`).join('');
  if (process.env['UPDATE_RECORDINGS'] !== undefined) {
    mkdirSync(dirname(recordingPath(name)), { recursive: true });
    writeFileSync(recordingPath(name), text);
  }
  expect(text).toBe(readFileSync(recordingPath(name), 'utf8'));
});

test.each(names)('%s: every frame that a hive reads is one that it accepts', (name) => {
  const said = readRecording(name).filter(({ from }) => from === 'node');
  const types: readonly string[] = nodeFrameV1.options.map(({ shape }) => shape.type.value);
  const read = said.filter(({ frame }) => types.includes(frame.type));
  expect(read.length).toBeGreaterThan(10);
  for (const { frame } of read) expect(nodeFrameV1.safeParse(frame)).toMatchObject({ success: true });
});

test.each(names)('%s: a hive that hears it has every line in the end', async (name) => {
  const recording = readRecording(name);
  const node = new ScriptedV1Node((await hive.newKey()).secret);
  const nodeId = await replay(recording, node, hive.url);
  const { database, gateway } = hive;
  for (const { id, executions } of attemptsIn(recording)) {
    const connection = batchConnectionTo(gateway, nodeId);
    const isComplete = async () => {
      await connection.backfill(id, 'full_attempt', new AbortController().signal);
      return (await database.attemptSync.findUniqueOrThrow({ where: { attemptId: id } })).state === 'complete';
    };
    // the first answer brings the end, so another one has to follow
    await until(isComplete, 60_000, 'complete');
    for (const [executionId, { entries }] of executions) {
      const lines = await storedLinesOf(database, executionId);
      expect(lines.map(({ output_type, content, timestamp }) => ({ output_type, content, timestamp }))).toEqual(
        entries,
      );
    }
  }
  node.drop();
});
