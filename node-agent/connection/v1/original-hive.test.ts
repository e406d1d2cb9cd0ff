/** What an original hive keeps of what a node sends it in protocol version 1. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { encodeLine } from '../../../protocol/page.js';
import { until as untilTrue } from '../../../tests/harness/until.js';
import type { Logger } from '../../log.js';
import { appendLines } from '../../store/append-lines.js';
import type { ExecutionRow } from '../../store/rows.js';
import { ScriptedV1Hive } from '../../testing/scripted-v1-hive.js';
import {
  addLines,
  endedExecution,
  finishExecution,
  row,
  startExecution,
  temporaryStore,
  type TemporaryStore,
} from '../../testing/temporary-store.js';
import { openStore, type Store } from '../../store/open.js';
import { connectionsV1 } from './connection.js';

let hive: ScriptedV1Hive;
let recorder: TemporaryStore;
/** The connection's own view of the store. */
let store: Store;
let controller: AbortController;
let warnings: { shared_task_id?: string }[];
let open: ReturnType<typeof connectionsV1>;
let ended: Promise<unknown>;

beforeEach(async () => {
  hive = await ScriptedV1Hive.start();
  recorder = temporaryStore();
  store = openStore(recorder.dataDir);
  controller = new AbortController();
  warnings = [];
  open = connectionsV1();
  ended = Promise.resolve();
});
afterEach(async () => {
  controller.abort();
  await ended;
  await hive.stop();
  store.close();
  recorder.remove();
});

function connect(): void {
  const silent = () => undefined;
  const warn = (fields: { shared_task_id?: string }) => void warnings.push(fields);
  const logger = { info: silent, debug: silent, error: silent, warn };
  const { signal } = controller;
  ended = open({ url: hive.url, apiKey: 'key', name: 'n', store, logger: logger as unknown as Logger, signal });
}

const until = (condition: () => boolean, what: string) => untilTrue(condition, 60_000, what);

function share({ attempt_id: id }: ExecutionRow, taskId: string): void {
  recorder.store
    .prepare("UPDATE attempt SET shared_task_id = ?, container_ref = '/srv/repo', target_branch = 'dev' WHERE id = ?")
    .run(taskId, id);
}

const textLines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}`);
const rowsOf = ({ id }: ExecutionRow) => hive.rows.get(id) ?? [];
const frames = (type: string) => hive.received.filter((frame) => frame.type === type);

async function backfilled({ attempt_id: id }: ExecutionRow): Promise<void> {
  await until(() => hive.attempts.has(id), 'the attempt is announced');
  hive.complete.delete(id);
  hive.requestBackfill(id);
  await until(() => hive.complete.has(id), 'the backfill is answered');
}

test('every line is kept once, pushed or backfilled, because the task’s project is linked first', async () => {
  const { taskId, projectId } = hive.addTask();
  const old = endedExecution(recorder.store, { lines: 801 });
  share(old, taskId);
  const running = startExecution(recorder.store, { attemptId: old.attempt_id, lines: 30 });
  connect();
  await until(() => rowsOf(running).length === 30, 'pushed lines are kept');
  await backfilled(old);
  expect(rowsOf(old)).toEqual(textLines(801));
  addLines(recorder.store, running.key, 20);
  finishExecution(recorder.store, running.key);
  await until(() => rowsOf(running).length >= 50, 'what follows is kept');
  await backfilled(old); // once more
  expect(rowsOf(running)).toEqual(textLines(50));
  expect(rowsOf(old)).toHaveLength(801);
  const [link, ...others] = frames('link_project');
  expect(others).toEqual([]);
  expect(link?.data).toMatchObject({ project_id: projectId, git_repo_path: '/srv/repo', default_branch: 'dev' });
  expect(frames('projects_sync')).toMatchObject([
    { data: { projects: [{ name: 'repo', git_repo_path: '/srv/repo' }] } },
  ]);
  expect([hive.asked, warnings]).toEqual([1, []]);
});

test('tasks of several projects keep their lines, also from one directory; a login that knows the links tells them', async () => {
  const executions = [hive.addTask(), hive.addTask()].map(({ taskId }) => {
    const execution = endedExecution(recorder.store, { lines: 3 });
    share(execution, taskId);
    return execution;
  });
  connect();
  for (const execution of executions) await backfilled(execution);
  expect(executions.map((execution) => rowsOf(execution).length)).toEqual([3, 3]);
  hive.dropConnection();
  await ended;
  connect();
  await until(() => hive.logins === 2 && frames('attempt_sync').length >= 6, 'announced again');
  expect(frames('link_project')).toHaveLength(2);
});

test('of lines with U+0000 only themselves are lost, pushed or backfilled', async () => {
  const contents = ['a', 'b', 'x\0y', '\0', 'c', 'a backslash: \\u0000', 'd'];
  const kept = contents.filter((content) => !content.includes('\0'));
  const addContents = ({ key }: ExecutionRow) =>
    recorder.store.write(() => {
      const timestamp = '2026-01-02T03:04:05.678Z';
      const lines = contents.map((content) => encodeLine({ output_type: 'stdout', content, timestamp }));
      appendLines(recorder.store, key, row(recorder.store, key).log_lines, lines);
    });
  const { taskId } = hive.addTask();
  const old = startExecution(recorder.store);
  share(old, taskId);
  addContents(old);
  finishExecution(recorder.store, old.key);
  const running = startExecution(recorder.store, { attemptId: old.attempt_id });
  addContents(running);
  connect();
  await until(() => rowsOf(running).length >= kept.length, 'pushed lines are kept');
  await backfilled(old);
  expect([rowsOf(running), rowsOf(old)]).toEqual([kept, kept]);
});

test('if lines will be dropped, the log says so, once for each reason', async () => {
  const unknown = endedExecution(recorder.store, { lines: 3 });
  share(unknown, '00000000-0000-4000-8000-000000000001');
  const homeless = endedExecution(recorder.store, { lines: 3 });
  hive.tasks.set('00000000-0000-4000-8000-000000000002', null);
  share(homeless, '00000000-0000-4000-8000-000000000002');
  connect();
  await backfilled(homeless);
  hive.dropConnection();
  await ended;
  connect();
  await until(() => hive.logins === 2 && frames('attempt_sync').length >= 5, 'announced again');
  expect(
    warnings
      .map((fields) => Object.values(fields))
      .flat()
      .sort(),
  ).toEqual(['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']);
  expect(frames('link_project')).toEqual([]);
});

test('a hive of this project needs no links, is asked once, and gets the whole log whenever it asks', async () => {
  hive.isHivesync = true;
  const execution = startExecution(recorder.store, { lines: 3 });
  share(execution, hive.addTask().taskId);
  share(endedExecution(recorder.store), hive.addTask().taskId);
  connect();
  await backfilled(execution);
  await backfilled(execution);
  const sent = frames('logs_batch').map(({ data }) => (data['entries'] as unknown[]).length);
  expect(sent).toEqual([3, 3, 3]); // one of them pushed
  expect([hive.asked, frames('link_project'), frames('projects_sync'), warnings]).toEqual([1, [], [], []]);
});
