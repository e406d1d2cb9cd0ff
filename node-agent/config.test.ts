import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { dataDirectory, readConfig } from './config.js';

describe('the environment', () => {
  test('has defaults; an empty variable counts as unset', () => {
    const config = readConfig({ HIVE_URL: '', NODE_API_KEY: '', LOG_LEVEL: '' });
    expect(config).toMatchObject({ hiveUrl: 'ws://127.0.0.1:3000/v1/nodes/ws', apiKey: undefined, logLevel: 'info' });
  });

  test.each([
    ['https://hive.example.com', 'wss://hive.example.com/v1/nodes/ws'],
    ['ws://h:1/base/', 'ws://h:1/base/v1/nodes/ws'],
    ['wss://h/v1/nodes/ws', 'wss://h/v1/nodes/ws'],
  ])('reads %s as %s', (given, url) => {
    expect(readConfig({ HIVE_URL: given }).hiveUrl).toBe(url);
  });

  test.each([
    [{ HIVE_URL: 'nonsense' }, 'HIVE_URL'],
    [{ HIVE_URL: 'ftp://h' }, 'HIVE_URL'],
    [{ HIVE_URL: 'ws://user:secret@h' }, 'HIVE_URL'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
    [{ NODE_API_KEY: 'x'.repeat(257) }, 'NODE_API_KEY'],
    [{ NODE_NAME: 'x'.repeat(257) }, 'NODE_NAME'],
  ])('refuses %j in one line that names the variable, what is wrong and what is allowed', (env, name) => {
    let message = '';
    try {
      readConfig(env);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(new RegExp(`^${name}: .+; allowed: .+$`));
    expect(message).not.toContain('secret');
    expect(message).not.toContain('x'.repeat(257));
  });
});

describe("the store's directory", () => {
  const workingDirectory = process.cwd();
  let directory: string;
  beforeEach(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'node-agent-config-')));
    process.chdir(directory);
  });
  afterEach(() => {
    process.chdir(workingDirectory);
    rmSync(directory, { recursive: true, force: true });
  });

  test("is in the user's data directory, not in the working tree", () => {
    expect(dataDirectory({})).toBe(join(homedir(), '.local', 'share', 'hivesync'));
    expect(dataDirectory({ NODE_DATA_DIR: '', XDG_DATA_HOME: '/data' })).toBe('/data/hivesync');
    expect(dataDirectory({ XDG_DATA_HOME: 'relative' })).toBe(join(homedir(), '.local', 'share', 'hivesync'));
    expect(dataDirectory({ NODE_DATA_DIR: 'here', XDG_DATA_HOME: '/data' })).toBe(join(directory, 'here'));
  });

  test('is .node-agent if an earlier version recorded there, and this is said', () => {
    const said: string[] = [];
    mkdirSync('.node-agent');
    expect(dataDirectory({ XDG_DATA_HOME: '/data' }, (sentence) => said.push(sentence))).toBe('/data/hivesync');
    expect(said).toEqual([]);
    writeFileSync('.node-agent/node.db', '');
    const former = join(directory, '.node-agent');
    expect(dataDirectory({ XDG_DATA_HOME: '/data' }, (sentence) => said.push(sentence))).toBe(former);
    expect(said).toEqual([expect.stringContaining(former)]);
    expect(dataDirectory({ NODE_DATA_DIR: '/elsewhere' })).toBe('/elsewhere');
  });
});
