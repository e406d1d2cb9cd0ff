import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readLaunch } from '../process/launch.js';
import { runCommand } from './run-command.js';

describe('running a command', () => {
  beforeAll(() => {
    process.env['HIVESYNC_WITHOUT_FFI'] = '1'; // this process's signals stay as they are
  });
  afterAll(() => {
    delete process.env['HIVESYNC_WITHOUT_FFI'];
  });

  test('ends as the command ended, whatever fails when that is recorded', async () => {
    const said: string[] = [];
    const end = await runCommand({
      launch: readLaunch({}),
      argv: ['sh', '-c', 'exit 7'].map((word) => Buffer.from(word)),
      environment: [Buffer.from(`PATH=${process.env['PATH'] ?? ''}`)],
      onTerminal: false,
      lingerSeconds: 1,
      begin: () => ({
        start: () => undefined,
        output: () => undefined,
        system: () => undefined,
        finish: () => Promise.reject(new Error('the directory is read-only')),
      }),
      headCommit: () => null,
      say: (sentence) => said.push(sentence),
      started: () => undefined,
    });
    expect(end).toEqual({ code: 7, signal: null });
    expect(said).toEqual(['the end of the command could not be recorded: the directory is read-only']);
  });

  test('shows nothing before it has recorded it', () => {
    const program = `
      import { runCommand } from ${JSON.stringify(new URL('../../dist/node-agent/recorder/run-command.js', import.meta.url).href)};
      import { readLaunch } from ${JSON.stringify(new URL('../../dist/node-agent/process/launch.js', import.meta.url).href)};
      // killed while it records, after everything else that it had begun has had its time
      const output = () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
        process.kill(process.pid, 'SIGKILL');
      };
      await runCommand({
        launch: readLaunch({}),
        argv: ['echo', 'seen'].map((word) => Buffer.from(word)),
        environment: [Buffer.from('PATH=' + process.env.PATH)],
        onTerminal: false,
        lingerSeconds: 1,
        begin: () => ({ start: () => undefined, output, system: () => undefined, finish: async () => undefined }),
        headCommit: () => null,
        say: () => undefined,
        started: () => undefined,
      });`;
    const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect({ stdout, signal }).toEqual({ stdout: '', signal: 'SIGKILL' });
  });
});
