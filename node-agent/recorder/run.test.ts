import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LogLine } from '../../protocol/page.js';
import { listAttempts } from '../store/attempts.js';
import { executionsAfter } from '../store/executions.js';
import { readLines } from '../store/read-lines.js';
import { openStore } from '../store/open.js';
import type { AttemptRow, ExecutionRow } from '../store/rows.js';
import { messageOf } from '../errors.js';
import { AgentProcesses } from '../testing/agent-process.js';

/** Built by `npm run build`, because these tests are about the process. */
const CLI = new URL('../../dist/node-agent/cli.js', import.meta.url).pathname;

describe('node-agent run', () => {
  let directory: string;
  let dataDir: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-run-'));
    dataDir = join(directory, 'data');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const env = () => ({ ...process.env, NODE_DATA_DIR: dataDir });
  const agent = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, ...args], { cwd: directory, env: env(), maxBuffer: 1 << 26 });
  const run = (...args: string[]) => agent('run', ...args);
  const script = (code: string) => ['--', process.execPath, '-e', code];

  interface Recorded {
    attempt: AttemptRow;
    executions: ExecutionRow[];
    lines: (LogLine | undefined)[];
  }

  function recorded(): Recorded {
    agent('status'); // waits until all of it is in the store
    const store = openStore(dataDir);
    try {
      const [attempt] = listAttempts(store, 1);
      if (!attempt) throw new Error('nothing recorded');
      const executions = [...executionsAfter(store, attempt.key)];
      const bounds = { lines: 1_000_000, rawBytes: 1_000_000_000 };
      const lines = executions.flatMap(
        ({ key, log_lines }) => readLines(store, key, 0, log_lines, bounds)?.lines ?? [],
      );
      return { attempt, executions, lines: lines.map((line) => JSON.parse(line) as LogLine) };
    } finally {
      store.close();
    }
  }
  const storedNow = () => {
    try {
      return new AgentProcesses(dataDir).executions().flatMap(({ lines }) => lines);
    } catch (error) {
      if (messageOf(error).includes('no such table')) return []; // the store is being made
      throw error;
    }
  };
  const contents = () => recorded().lines.map((line) => line?.content);

  test('passes output through to the byte and records its lines', () => {
    const bytes = Buffer.concat([
      Buffer.from('žluť\r\n\n'),
      Buffer.from([0x62, 0xff, 0x0a]),
      Buffer.from('no newline'),
    ]);
    writeFileSync(join(directory, 'bytes'), bytes);
    const { stdout, status } = run('--title', 'bytes', '--', 'cat', 'bytes');
    expect([stdout, status]).toEqual([bytes, 0]);
    const { attempt, executions, lines } = recorded();
    expect(lines.map((line) => line?.content)).toEqual(['žluť\r', '', 'b\ufffd', 'no newline']);
    expect(lines.every((line) => line?.output_type === 'stdout' && /^\d{4}-.*Z$/.test(line.timestamp))).toBe(true);
    expect(attempt).toMatchObject({ title: 'bytes', executor: 'SHELL', execution_count: 1, revision: 2 });
    expect(executions).toMatchObject([{ status: 'completed', exit_code: 0, log_lines: 4, log_epoch: 1, dropped: 0 }]);
  });

  test('records stdout and stderr in order, and writes its own messages to stderr only', async () => {
    // of what stands in both pipes at once, nobody knows which came first
    const seen = (text: string) => join(directory, `seen-${text}`);
    const untilSeen = (text: string) => `until test -e '${seen(text)}'; do sleep 0.02; done`;
    const code = `echo first; ${untilSeen('first')}; echo second >&2; ${untilSeen('second')}; echo third`;
    const running = new AgentProcesses(dataDir).start(['run', '--', 'sh', '-c', code]);
    for (const text of ['first', 'second']) {
      await running.printed(text);
      writeFileSync(seen(text), '');
    }
    expect(await running.ended).toBe(0);
    expect(running.stdout).toBe('first\nthird\n');
    expect(running.stderr).toMatch(/^node-agent: attempt [0-9a-f-]{36}\nsecond\n$/);
    expect(recorded().lines.map((line) => [line?.output_type, line?.content])).toEqual([
      ['stdout', 'first'],
      ['stderr', 'second'],
      ['stdout', 'third'],
    ]);
  });

  test('splits a line of more than 1 MiB, and says so', () => {
    const { stdout } = run(...script('process.stdout.write("x".repeat(2 * 1024 * 1024 + 5) + "\\nend\\n")'));
    expect(stdout.length).toBe(2 * 1024 * 1024 + 10);
    expect(recorded().lines.map((line) => [line?.content.length, line?.partial])).toEqual([
      [1024 * 1024, true],
      [1024 * 1024, true],
      [5, undefined],
      [3, undefined],
    ]);
  });

  test('gives the command no socket, so that it can open /dev/stderr', () => {
    const { status } = run('--', 'sh', '-c', 'echo a > /dev/stderr; echo b > /dev/stdout');
    expect(status).toBe(0);
    expect(contents().sort()).toEqual(['a', 'b']);
  });

  test('shows a prompt to a reader of the store while the command waits for an answer', async () => {
    const child = start('--', 'sh', '-c', 'printf "Name? "; read name; echo "hello $name"');
    let seen: LogLine[] = [];
    while (seen.length === 0) {
      await sleep(20);
      if (existsSync(join(dataDir, 'node.db'))) seen = storedNow();
    }
    expect(seen).toMatchObject([{ output_type: 'stdout', content: 'Name? ', partial: true }]);
    child.stdin?.end('Ann\n');
    await once(child, 'exit');
    expect(recorded().lines.map((line) => [line?.content, line?.partial])).toEqual([
      ['Name? ', true],
      ['hello Ann', undefined],
    ]);
  });

  test('ends as the command ended', () => {
    expect(run('--', 'sh', '-c', 'exit 7').status).toBe(7);
    expect(recorded().executions).toMatchObject([{ status: 'failed', exit_code: 7 }]);
    expect(run('--', 'sh', '-c', 'kill -TERM $$')).toMatchObject({ status: null, signal: 'SIGTERM' });
    expect(recorded().executions).toMatchObject([{ status: 'killed', exit_code: null }]);
    expect(run('--', join(directory, 'missing')).status).toBe(127);
    expect(recorded().executions).toMatchObject([{ status: 'failed', exit_code: 127, log_lines: 1 }]);
    expect(run('--', directory).status).toBe(126);
    expect(recorded().lines).toMatchObject([{ output_type: 'system' }]);
  });

  test('adds executions to a given attempt', () => {
    const attempt = 'a7b3a1de-0000-4000-8000-00000000000a';
    const task = 'a7b3a1de-0000-4000-8000-00000000000b';
    run(
      '--attempt',
      attempt,
      '--task',
      task,
      '--executor',
      'CLAUDE_CODE',
      '--reason',
      'setupscript',
      '--',
      'echo',
      'one',
    );
    run('--attempt', attempt.toUpperCase(), '--', 'echo', 'two words');
    const { attempt: row, executions } = recorded();
    expect(row).toMatchObject({
      id: attempt,
      shared_task_id: task,
      executor: 'CLAUDE_CODE',
      execution_count: 2,
      revision: 4,
    });
    expect(executions.map(({ run_reason }) => run_reason)).toEqual(['setupscript', 'codingagent']);
    expect(JSON.parse(executions[1]?.executor_action ?? '')).toMatchObject({ typ: { script: "echo 'two words'" } });
  });

  test('an agent that is started is the executor, unless somebody says another', () => {
    const codex = join(directory, 'codex');
    writeFileSync(codex, '#!/bin/sh\necho works\n', { mode: 0o755 });
    expect(run('--', codex, 'exec').status).toBe(0);
    expect(recorded().attempt.executor).toBe('CODEX');
    expect(run('--executor', 'MINE', '--', codex, 'exec').status).toBe(0);
    expect(recorded().attempt.executor).toBe('MINE');
  });

  test('records branch and commits of a repository', () => {
    const git = (...args: string[]) =>
      spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
        cwd: directory,
        encoding: 'utf8',
      }).stdout.trim();
    git('init', '-q', '-b', 'topic');
    git('commit', '-q', '--allow-empty', '-m', 'first');
    const before = git('rev-parse', 'HEAD');
    run('--', 'git', '-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '--allow-empty', '-m', 'second');
    const { attempt, executions } = recorded();
    expect(attempt.branch).toBe('topic');
    expect(executions).toMatchObject([{ before_head_commit: before, after_head_commit: git('rev-parse', 'HEAD') }]);
    expect(executions[0]?.after_head_commit).not.toBe(before);
  });

  test('forwards signals to the command', async () => {
    const child = start(
      ...script(
        'process.on("SIGTERM", () => { console.log("got it"); process.exit(5) }); console.log("ready"); setInterval(() => {}, 1000)',
      ),
    );
    await output(child, 'ready');
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(5);
    expect(contents()).toEqual(['ready', 'got it']);
  });

  test('runs and records the command whatever the variables of other commands say', () => {
    const wrong = { ...env(), HIVE_URL: 'nonsense', LOG_LEVEL: 'loud', NODE_API_KEY: 'x'.repeat(300) };
    const { stdout, status } = spawnSync(process.execPath, [CLI, 'run', '--', 'sh', '-c', 'echo out; exit 3'], {
      cwd: directory,
      env: wrong,
    });
    expect([stdout.toString(), status]).toEqual(['out\n', 3]);
    expect(contents()).toEqual(['out']);
  });

  test('says what is wrong with its arguments, with status 2', () => {
    for (const args of [
      ['run'],
      ['run', '--attempt', 'x', '--', 'true'],
      ['run', '--reason', 'x', '--', 'true'],
      ['bogus'],
    ]) {
      const { status, stderr } = agent(...args);
      expect(status).toBe(2);
      expect(stderr.toString()).toContain('error: ');
    }
    expect(agent('connect').stderr.toString()).toMatch(/^node-agent: this node has not joined a hive, .*\n$/);
  });

  test('lists, prints and counts what was recorded', () => {
    run('--title', 'hello', '--', 'sh', '-c', 'echo a; echo b');
    const [attempt] = agent('attempts', '--json')
      .stdout.toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { attempt_id: string });
    expect(attempt).toMatchObject({ title: 'hello', sync_state: null, acknowledged: false });
    expect(agent('logs', attempt?.attempt_id ?? '').stdout.toString()).toBe('a\nb\n');
    expect(JSON.parse(agent('status', '--json').stdout.toString())).toMatchObject({
      attempts: 1,
      executions: 1,
      running: 0,
      log_lines: 2,
    });
    expect(JSON.parse(agent('prune', '--older-than', '0', '--json').stdout.toString())).toMatchObject({
      removed: [],
      kept: [],
    });
    expect(agent('prune', '--older-than', '0').stdout.toString()).toMatch(/^0 attempts removed, /);
    expect(agent('announce', '--all').stdout.toString()).toMatch(/^1 attempt is announced again: .* `--protocol 1`/);
    const unknown = agent('logs', 'a7b3a1de-0000-4000-8000-00000000000a');
    expect([unknown.status, unknown.stderr.toString()]).toEqual([1, expect.stringContaining('there is no attempt')]);
  });

  function start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [CLI, 'run', ...args], {
      cwd: directory,
      env: env(),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  }

  async function output(child: ChildProcess, text: string): Promise<void> {
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    while (!seen.includes(text)) await sleep(10);
  }
});
