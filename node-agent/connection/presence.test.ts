/** One `connect` for each store, and what `status` says of it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AgentProcesses, type RunningAgent } from '../testing/agent-process.js';
import { ScriptedHive } from '../testing/scripted-hive.js';
import type { Status } from '../commands/status-report.js';

let directory: string;
let hive: ScriptedHive;
let agent: AgentProcesses;
let running: RunningAgent;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'node-agent-presence-'));
  hive = await ScriptedHive.start();
  agent = new AgentProcesses(directory, { HIVE_URL: hive.url, NODE_API_KEY: 'key' });
  running = agent.start(['connect']);
  await (await hive.peer(0)).count('announced');
});
afterEach(async () => {
  running.child.kill('SIGKILL');
  await running.ended;
  await hive.stop();
  rmSync(directory, { recursive: true, force: true });
});

const connection = () => (JSON.parse(agent.run('status', '--json').stdout) as Status).connect;

test('a second `connect` says that one runs, and ends with a status of its own; the first one stays', () => {
  const second = agent.run('connect');
  expect(second.status).toBe(3);
  expect(second.stderr).toMatch(
    new RegExp(`\`connect\` runs already for the store in ${directory} \\(pid ${running.child.pid}, since \\d{4}-`),
  );
  expect(hive.peers).toHaveLength(1);
  expect(connection()).toMatchObject({ running: true, pid: running.child.pid, stopped_at: null, last_error: null });
});

test('`status` says since when it runs and is connected, and after its end when it ended', async () => {
  const now = connection();
  expect(now).toMatchObject({ running: true, pid: running.child.pid, hive_url: hive.url });
  expect(now.connected_since).not.toBeNull();
  running.child.kill('SIGTERM');
  expect(await running.ended).toBe(0);
  const then = connection();
  expect(then).toMatchObject({ running: false, last_connected_at: now.connected_since, last_error: null });
  expect(then.connected_since).toBeNull();
  expect(then.stopped_at).not.toBeNull();
  expect(agent.run('status').stdout).toMatch(/^connect {5}does not run since \d{4}-/m);
});

test('`status` knows of a `connect` that was killed, and the next one starts', async () => {
  running.child.kill('SIGKILL');
  await running.ended;
  expect(connection()).toMatchObject({ running: false, connected_since: null, stopped_at: null });
  expect(agent.run('status').stdout).toContain('it ended without a word (killed');
  running = agent.start(['connect']);
  await hive.peer(1);
  expect(connection()).toMatchObject({ running: true, pid: running.child.pid });
});

test('`status` has the last error, and the files are private', async () => {
  const port = new URL(hive.url).port;
  await hive.stop();
  await running.printed('the hive is not reachable');
  expect(connection()).toMatchObject({ running: true, connected_since: null });
  expect(connection().last_error?.reason).toContain('ECONNREFUSED');
  expect(agent.run('status').stdout).toContain('last error at');
  for (const name of ['connection.json', 'connect.lock', 'node.db']) {
    expect([name, statSync(join(directory, name)).mode & 0o777]).toEqual([name, 0o600]);
  }
  expect(port).not.toBe('');
});

test('a store that is damaged when `connect` starts is the same node with a new store', async () => {
  running.child.kill('SIGTERM');
  await running.ended;
  spawnSync('sh', ['-c', `echo damaged > '${join(directory, 'node.db')}'; rm -f '${directory}'/node.db-*`]);
  running = agent.start(['connect']);
  await hive.peer(1);
  await running.printed('is damaged (');
  expect(hive.auths[1]?.machine_id).toBe(hive.auths[0]?.machine_id);
});
