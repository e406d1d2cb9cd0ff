import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { SpoolWriter } from '../recorder/spool-writer.js';
import {
  addLines,
  endedExecution,
  finishExecution,
  newRecording,
  row,
  startExecution,
  temporaryStore,
  type TemporaryStore,
} from '../testing/temporary-store.js';
import { forgetAllAcks, forgetIncompleteAcks } from './acknowledgements.js';
import { appendLines } from './append-lines.js';
import { findAttempt, listAttempts, pendingAttempts } from './attempts.js';
import { addExecution, findExecution, runningExecutions } from './executions.js';
import { forgetAttempt, isForgotten } from './forget.js';
import { endOrphans } from './orphans.js';
import { RecorderLock } from './recorder-lock.js';
import { eraseDeleted } from './space.js';

let temporary: TemporaryStore;
beforeEach(() => {
  temporary = temporaryStore();
});
afterEach(() => temporary.remove());

const SECRET = 'hunter2-leaked';

/** @returns the files of the store that contain the text, gunzipped or not */
function filesWith(text: string): string[] {
  const { dataDir } = temporary;
  const names = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return names
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => readFileSync(path).includes(text));
}

test('nothing of a deleted attempt is left in the store’s files, and others keep their lines', async () => {
  const { store } = temporary;
  const secret = startExecution(store, { lines: 3, action: `echo ${SECRET}` });
  store.write(() => {
    appendLines(store, secret.key, 3, [JSON.stringify({ output_type: 'stdout', content: SECRET, timestamp: 'x' })]);
  });
  const other = endedExecution(store, { lines: 2500 });
  expect(filesWith(SECRET)).not.toEqual([]);

  expect(await forgetAttempt(store, secret.attempt_id)).toMatchObject({ executions: 1, setAside: [] });
  expect(await eraseDeleted(store)).toBe(true);

  expect(filesWith(SECRET)).toEqual([]);
  expect(findAttempt(store, secret.attempt_id)).toBeUndefined();
  expect(findExecution(store, secret.id)).toBeUndefined();
  expect(listAttempts(store, 10).map(({ id }) => id)).toEqual([other.attempt_id]);
  expect(row(store, other.key).log_lines).toBe(2500);
  expect(store.value('SELECT count(*) FROM log_page')).toBe(3);
  expect(store.value('SELECT count(*) FROM log_line')).toBe(0);
});

test('it is never announced again, whatever the hive no longer acknowledges', async () => {
  const { store } = temporary;
  const { attempt_id: id } = endedExecution(store, { lines: 2 });
  await forgetAttempt(store, id);
  forgetIncompleteAcks(store);
  forgetAllAcks(store);
  expect(pendingAttempts(store, 0, 10)).toEqual([]);
});

test('deleting it twice, or one that was never there, is no fault', async () => {
  const { store } = temporary;
  const { attempt_id: id } = endedExecution(store, { lines: 2 });
  await forgetAttempt(store, id);
  expect(await forgetAttempt(store, id)).toMatchObject({ executions: 1 });
  expect(await forgetAttempt(store, randomUUID())).toMatchObject({ executions: 0 });
});

test('who records it can neither add lines, nor end it, nor begin another execution of it', async () => {
  const { store } = temporary;
  const execution = startExecution(store, { lines: 3 });
  await forgetAttempt(store, execution.attempt_id);
  expect(runningExecutions(store)).toEqual([]);
  expect(() => addLines(store, execution.key, 1)).toThrow();
  expect(() => store.write(() => appendLines(store, execution.key, 3, ['{}']))).toThrow('has ended');
  expect(() => finishExecution(store, execution.key)).toThrow();
  const { attempt, execution: next } = newRecording(randomUUID(), new Date().toISOString(), { pid: 1, started: '' });
  expect(() => store.write(() => addExecution(store, { ...attempt, id: execution.attempt_id }, next))).toThrow(
    'deleted at the hive',
  );
});

test('a spool that a recorder has left is removed, and brings nothing back', async () => {
  const { store, dataDir } = temporary;
  const known = startExecution(store, { lines: 1 });
  const [left, unknown] = [known.id, randomUUID()];
  for (const id of [left, unknown]) {
    const lock = RecorderLock.create(dataDir, id);
    const { attempt, execution } = newRecording(id, new Date().toISOString(), { pid: 1, started: '', locks: true });
    const spool = new SpoolWriter(dataDir, { attempt: { ...attempt, id: known.attempt_id }, execution });
    spool.append('stdout', Buffer.from(`${SECRET}\n`), Date.now());
    spool.close();
    lock.release();
  }
  await forgetAttempt(store, known.attempt_id);
  expect(isForgotten(store, left)).toBe(true);
  endOrphans(store); // finds the spool of an execution that the store has never heard of
  expect(filesWith(SECRET)).toEqual([]);
  expect(existsSync(join(dataDir, 'recorders', `${unknown}.lock`))).toBe(false);
  expect(store.value('SELECT count(*) FROM execution')).toBe(1);
});
