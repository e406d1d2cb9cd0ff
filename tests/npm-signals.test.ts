/** SIGTERM to what the README starts ends it all: npm, its shell, the program and the servers that it started. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { projectRoot } from '../workers/project-root.js';
import { until } from './harness/until.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hivesync-npm-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Every process that has inherited the mark, by its arguments. */
function marked(mark: string): string[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      return ''; // it has ended
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => read(pid, 'environ').includes(mark))
    .map((pid) => read(pid, 'cmdline').replaceAll('\0', ' '));
}

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux.each([
  ['npm start', ['npm', 'start'], 'hive is listening', 'postgres'],
  ['npx hive start', ['npx', 'hive', 'start'], 'hive is listening', 'temporal'],
  ['npx node-agent connect', ['npx', 'node-agent', 'connect'], 'ECONNREFUSED', 'connect'],
])(
  'SIGTERM to %s leaves nothing running',
  async (_name, [command = '', ...args], sign, child) => {
    const mark = `HIVESYNC_TEST_MARK=${randomUUID()}`;
    const env = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      HIVESYNC_TEST_MARK: mark.split('=')[1],
      HIVE_PORT: '0',
      HIVE_DATA_DIR: join(directory, 'hive'),
      HIVE_URL: 'ws://127.0.0.1:9',
      NODE_API_KEY: 'x',
      NODE_DATA_DIR: join(directory, 'node'),
      NODE_AGENT_CONFIG: join(directory, 'none.json'),
      npm_config_cache: join(directory, 'cache'),
      npm_config_offline: 'true',
    };
    const npm = spawn(command, args, { cwd: projectRoot(), env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
    try {
      await until(() => output.includes(sign), 60_000, `${command} prints ${sign}`);
      expect(marked(mark).join('\n')).toContain(child);
      const exit = once(npm, 'exit');
      npm.kill('SIGTERM');
      await exit;
      await until(() => marked(mark).length === 0, 60_000, 'nothing is left running');
    } finally {
      if (npm.exitCode === null) npm.kill('SIGKILL');
    }
  },
  200_000, // longer than its waits together
);
