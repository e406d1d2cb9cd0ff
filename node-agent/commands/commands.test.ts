/** The commands that read a store, as processes. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openStore } from '../store/open.js';
import { AgentProcesses } from '../testing/agent-process.js';
import { addLines, endedExecution, startExecution } from '../testing/temporary-store.js';

let directory: string;
let agent: AgentProcesses;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-agent-commands-'));
  agent = new AgentProcesses(directory);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a damaged store keeps no command from running and being recorded in a new one', () => {
  agent.run('run', '--', 'true');
  rmSync(join(directory, 'node.db-wal'), { force: true });
  writeFileSync(join(directory, 'node.db'), 'no database\n'.repeat(1000));
  const { status, stdout, stderr } = agent.run('run', '--', 'sh', '-c', 'echo out; exit 4');
  expect([status, stdout]).toEqual([4, 'out\n']);
  expect(stderr).toContain('is damaged (');
  expect(readdirSync(directory).filter((name) => name.startsWith('node.db.damaged-'))).toHaveLength(1);
  expect(agent.executions()).toMatchObject([{ status: 'failed', exit_code: 4, lines: [{ content: 'out' }] }]);
  expect(agent.run('status').stdout).toMatch(/node\.db\.damaged-\S+: 12.0 kB, set aside because it was damaged/);
});

describe('`node-agent logs`', () => {
  test('prints every sound line, names the others, and ends with status 1', () => {
    const store = openStore(directory);
    const { id, key } = endedExecution(store, { lines: 2500 });
    store.prepare("UPDATE log_page SET gzip = x'00' WHERE execution_key = ? AND first_seq = 1001").run(key);
    store.close();
    const { status, stdout, stderr } = agent.run('logs', id);
    expect(status).toBe(1);
    expect(stdout.split('\n')).toHaveLength(1501);
    expect(stdout).toContain('line 2500\n');
    expect(stderr).toBe(
      `node-agent: lines 1001 to 2000 of execution ${id}: cannot be unpacked: Z_BUF_ERROR\n` +
        'node-agent: 1000 lines of this store cannot be read\n',
    );
  });

  test('prints the last lines with --tail, and goes on with -f until the execution ends', async () => {
    const store = openStore(directory);
    const { id, key } = startExecution(store, { lines: 50 });
    expect(agent.run('logs', id, '--tail', '2').stdout).toBe('line 49\nline 50\n');
    const following = agent.start(['logs', id, '-f', '--tail', '1']);
    await following.printed('line 50');
    addLines(store, key, 1);
    await following.printed('line 51');
    store.prepare("UPDATE execution SET status = 'completed' WHERE key = ?").run(key);
    expect(await following.ended).toBe(0);
    expect(following.stdout).toBe('line 50\nline 51\n');
    store.close();
  });
});

test('`node-agent attempts` says so where there are none, and prints nothing', () => {
  const shown = ({ status, stdout, stderr }: ReturnType<AgentProcesses['run']>) => ({ status, stdout, stderr });
  expect(shown(agent.run('attempts'))).toEqual({ status: 0, stdout: '', stderr: 'no attempts\n' });
  expect(shown(agent.run('attempts', '--json'))).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('`node-agent attempts` says how each ended, and shows the command where there is no title', () => {
  agent.run('run', '--title', 'with\u001b[2J title', '--', 'true');
  agent.run('run', '--', 'sh', '-c', 'exit 3');
  const { stdout } = agent.run('attempts');
  expect(stdout).toMatch(/^ATTEMPT +STARTED \(UTC\) +ENDED +RUNS +IN THE HIVE +MASKED +TITLE OR COMMAND$/m);
  expect(stdout).toMatch(/^[-0-9a-f]{36} .* exit 3 +1 +not announced +0 +\$ sh -c 'exit 3'$/m);
  expect(stdout).toMatch(/ completed .* with\\u001b\[2J title$/m);
  const rows = agent.run('attempts', '--json').stdout.trim().split('\n');
  expect(rows.map((row) => JSON.parse(row) as object)).toMatchObject([
    { status: 'failed', exit_code: 3, command: "sh -c 'exit 3'", masked: 0, title: null },
    { status: 'completed', exit_code: 0, command: 'true', title: 'with\u001b[2J title' },
  ]);
});

test('a store that an earlier version made in the working directory is found, and this is said', () => {
  const place = join(directory, '.node-agent');
  mkdirSync(place);
  openStore(place).close();
  const there = new AgentProcesses(directory, { NODE_DATA_DIR: '' });
  const before = process.cwd();
  process.chdir(directory);
  try {
    const { stderr, stdout } = there.run('status');
    expect(stderr).toContain(`using the store in ${place}, which an earlier version made`);
    expect(stdout).toContain(`store       ${place}\n`);
  } finally {
    process.chdir(before);
  }
});

test('`node-agent prune` asks what to remove, and reads sizes with a unit only', () => {
  expect(agent.run('prune')).toMatchObject({ status: 2, stderr: expect.stringContaining('--max-size SIZE') });
  expect(agent.run('prune', '--max-size', '5').status).toBe(2);
  writeFileSync(join(directory, 'node-agent.json'), '{"prune":{"older_than_days":30,"max_size":"2GB"}}', {
    mode: 0o600,
  });
  expect(agent.run('prune').stdout).toMatch(/^0 attempts removed, 0 B given back; the store has \d+\.\d kB\n$/);
  expect(agent.run('status').stdout).toContain(
    'by `connect`, each hour: attempts older than 30 days, the oldest above 2.0 GB',
  );
});
