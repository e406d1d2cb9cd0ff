import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AgentProcesses, succeeds, type RunningAgent } from '../testing/agent-process.js';
import { temporaryStore } from '../testing/temporary-store.js';
import { lockDatabase, RecorderLock } from './recorder-lock.js';

const OTHER_NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
const canUnshare = succeeds('unshare', ...OTHER_NAMESPACE.slice(1), 'true');
/** A /proc in which no process can be found, and no boot_id. */
const WITHOUT_PROC = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /proc && exec "$0" "$@"'];
const canHideProc = succeeds('unshare', ...WITHOUT_PROC.slice(1), 'true');

describe('a recorder', () => {
  let directory: string;
  let agent: AgentProcesses;
  let started: RunningAgent[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-lock-'));
    agent = new AgentProcesses(join(directory, 'data'));
    started = [];
  });
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.map(({ ended }) => ended));
    rmSync(directory, { recursive: true, force: true });
  });

  function start(launcher: string[], code: string): RunningAgent {
    const running = agent.start(['run', '--', 'sh', '-c', code], { launcher });
    started.push(running);
    return running;
  }
  const locks = () => readdirSync(join(agent.dataDir, 'recorders'));

  (canUnshare ? test : test.skip)('in another pid namespace is not taken for dead', async () => {
    const recorder = start(
      OTHER_NAMESPACE,
      'echo one; while [ ! -e "$0" ]; do sleep 0.05; done; echo two; exit 5'.replace('$0', `${directory}/go`),
    );
    await recorder.printed('one');
    do agent.run('status');
    while (agent.executions()[0]?.log_lines !== 1);
    agent.run('run', '--', 'true');
    expect(agent.rows()[0]?.status).toBe('running');
    writeFileSync(join(directory, 'go'), '');
    expect(await recorder.ended).toBe(5);
    const [first] = agent.executions();
    expect(first).toMatchObject({ status: 'failed', exit_code: 5, dropped: 0 });
    expect(first?.lines.map(({ content }) => content)).toEqual(['one', 'two']);
    expect(locks()).toEqual([]);
  });

  (canUnshare ? test : test.skip)('in another pid namespace is known to be dead once it is', async () => {
    const recorder = start(OTHER_NAMESPACE, 'echo one; exec sleep 60');
    await recorder.printed('one');
    do agent.run('status');
    while (agent.executions()[0]?.log_lines !== 1);
    recorder.child.kill('SIGKILL');
    await recorder.ended;
    expect(locks()).toHaveLength(3);
    agent.run('status');
    expect(agent.executions()).toMatchObject([{ status: 'killed', dropped: 0, log_lines: 1 }]);
    expect(locks()).toEqual([]);
  });

  (canHideProc ? test : test.skip)('works where no process and no boot_id can be read', async () => {
    const recorder = start(WITHOUT_PROC, 'echo one; exit 6');
    expect(await recorder.ended).toBe(6);
    expect(agent.executions()).toMatchObject([{ status: 'failed', exit_code: 6, log_lines: 1 }]);
  });

  test('is not taken for alive on another host with a copy of its files', async () => {
    const recorder = start([], 'echo one; exec sleep 60');
    await recorder.printed('one');
    do agent.run('status');
    while (agent.executions()[0]?.log_lines !== 1);
    const copy = new AgentProcesses(join(directory, 'copy'));
    await cp(agent.dataDir, copy.dataDir, { recursive: true });
    copy.run('status');
    expect(copy.executions()).toMatchObject([{ status: 'killed', log_lines: 1 }]);
    expect(agent.executions()).toMatchObject([{ status: 'running' }]);
  });
});

test('a lock is never to be had before its recorder has it, not even by who tests a file of the same name', () => {
  const temporary = temporaryStore();
  const { dataDir } = temporary;
  const id = randomUUID();
  mkdirSync(join(dataDir, 'recorders'), { recursive: true });
  const tester = lockDatabase(join(dataDir, 'recorders', `${id}.lock`), { timeoutMs: 0 });
  const lock = RecorderLock.create(dataDir, id);
  tester.close();
  expect(RecorderLock.takeOver(dataDir, id)).toBeUndefined();
  expect(readdirSync(join(dataDir, 'recorders')).toSorted()).toEqual([`${id}.lock`, `${id}.note`]);
  lock.remove();
  temporary.remove();
});
