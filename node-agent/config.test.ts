import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { configPath, draftConfig, readStoredConfig, secretsOf, type StoredConfig } from './config-file.js';
import { dataDirectory, readConfig as readWith } from './config.js';

/** Without what the person who runs the tests has joined. */
const NOT_JOINED = { NODE_AGENT_CONFIG: '/nowhere/node-agent.json' };
const readConfig = (env: NodeJS.ProcessEnv) => readWith({ ...NOT_JOINED, ...env });

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

  test('a log level of another program is read if it can be, and otherwise ignored with a warning', () => {
    expect(readConfig({ LOG_LEVEL: 'DEBUG' })).toMatchObject({ logLevel: 'debug', warnings: [] });
    expect(readConfig({ LOG_LEVEL: 'Warning' })).toMatchObject({ logLevel: 'warn', warnings: [] });
    const { logLevel, warnings } = readConfig({ LOG_LEVEL: 'loud' });
    expect(logLevel).toBe('info');
    expect(warnings).toEqual([expect.stringContaining('LOG_LEVEL is ignored: "loud"')]);
  });
});

describe('a joined node', () => {
  const KEY = 'a'.repeat(64);
  const JOINED = { hive_url: 'https://hive.example.com/base', api_key: KEY, name: 'build-7' };
  let directory: string;
  let env: NodeJS.ProcessEnv;
  const store = (content: StoredConfig | string) =>
    writeFileSync(configPath(env) ?? '', typeof content === 'string' ? content : JSON.stringify(content));
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-joined-'));
    env = { NODE_AGENT_CONFIG: join(directory, 'node-agent.json') };
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('needs no environment', () => {
    store({ ...JOINED, data_dir: '/var/lib/node' });
    const hiveUrl = 'wss://hive.example.com/base/v1/nodes/ws';
    const expected = { hiveUrl, apiKey: KEY, name: 'build-7', dataDir: '/var/lib/node', warnings: [] };
    expect(readWith(env)).toMatchObject(expected);
    expect(readWith({ ...env, HIVE_URL: 'https://hive.example.com/base/' })).toMatchObject(expected);
  });

  test('the environment wins', () => {
    store({ ...JOINED, data_dir: '/var/lib/node' });
    const other = { HIVE_URL: 'ws://other:1', NODE_API_KEY: 'b'.repeat(64), NODE_NAME: 'n', NODE_DATA_DIR: '/d' };
    const config = { hiveUrl: 'ws://other:1/v1/nodes/ws', apiKey: 'b'.repeat(64), name: 'n', dataDir: '/d' };
    expect(readWith({ ...env, ...other })).toMatchObject(config);
  });

  test.each(['ws://elsewhere.example.com', 'thrift://metastore:10000', 'jdbc:hive2://h:1/db', 'tcp://10.0.0.1:3000'])(
    "its key never goes to %s, which another program's HIVE_URL names",
    (url) => {
      store(JOINED);
      const config = readWith({ ...env, HIVE_URL: url, LOG_LEVEL: 'VERBOSE', HIVE_PORT: 'tcp://10.0.0.1:3000' });
      expect(config).toMatchObject({ hiveUrl: 'wss://hive.example.com/base/v1/nodes/ws', apiKey: KEY });
      expect(config.warnings).toEqual([
        expect.stringContaining('HIVE_URL is ignored'),
        expect.stringContaining('LOG_LEVEL is ignored'),
      ]);
    },
  );

  test.each([
    ['{"api_key":"' + KEY + '"', 'is not a JSON object'],
    ['[]', 'is not a JSON object'],
    ['{"api_key":7}', '"api_key" is not a string'],
    ['{"data_dir":"here"}', '"data_dir" is not an absolute path'],
  ])('a configuration like %s is refused in one sentence without its content', (content, sentence) => {
    store(content);
    let message = '';
    try {
      readStoredConfig(env);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(sentence);
    expect(message).not.toContain(KEY);
  });

  test('the configuration is written for its user alone, in one step, and a draft leaves nothing behind', () => {
    const inside = { NODE_AGENT_CONFIG: join(directory, 'new', 'node-agent.json') };
    const draft = draftConfig(inside);
    expect(readStoredConfig(inside)).toEqual({});
    draft.commit({ ...JOINED, mask: ['KEPT'] });
    draft.discard();
    expect(readStoredConfig(inside)).toEqual({ ...JOINED, mask: ['KEPT'] });
    expect(statSync(draft.path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'new')).mode & 0o777).toBe(0o700);
    draftConfig(inside).discard();
    expect(readdirSync(join(directory, 'new'))).toEqual(['node-agent.json']);
  });

  test('where a configuration cannot be written is known before a token is spent', () => {
    writeFileSync(join(directory, 'file'), '');
    expect(() => draftConfig({ NODE_AGENT_CONFIG: join(directory, 'file', 'x') })).toThrow('cannot be written');
  });

  test("the agent's own credentials are those of the file and of the environment", () => {
    expect(secretsOf({ api_key: KEY }, { NODE_API_KEY: `${KEY}b` })).toEqual([`${KEY}b`, KEY]);
    expect(secretsOf({ api_key: KEY }, { NODE_API_KEY: KEY })).toEqual([KEY]);
    expect(secretsOf({}, { NODE_API_KEY: 'short' })).toEqual([]);
  });
});

describe("the store's directory", () => {
  const directoryOf = (env: NodeJS.ProcessEnv, say?: (sentence: string) => void) =>
    dataDirectory({ ...NOT_JOINED, ...env }, say);
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
    expect(directoryOf({})).toBe(join(homedir(), '.local', 'share', 'hivesync'));
    expect(directoryOf({ NODE_DATA_DIR: '', XDG_DATA_HOME: '/data' })).toBe('/data/hivesync');
    expect(directoryOf({ XDG_DATA_HOME: 'relative' })).toBe(join(homedir(), '.local', 'share', 'hivesync'));
    expect(directoryOf({ NODE_DATA_DIR: 'here', XDG_DATA_HOME: '/data' })).toBe(join(directory, 'here'));
  });

  test('is .node-agent if an earlier version recorded there, and this is said', () => {
    const said: string[] = [];
    mkdirSync('.node-agent');
    expect(directoryOf({ XDG_DATA_HOME: '/data' }, (sentence) => said.push(sentence))).toBe('/data/hivesync');
    expect(said).toEqual([]);
    writeFileSync('.node-agent/node.db', '');
    const former = join(directory, '.node-agent');
    expect(directoryOf({ XDG_DATA_HOME: '/data' }, (sentence) => said.push(sentence))).toBe(former);
    expect(said).toEqual([expect.stringContaining(former)]);
    expect(directoryOf({ NODE_DATA_DIR: '/elsewhere' })).toBe('/elsewhere');
  });
});

describe('a configuration that others can read', () => {
  test('is closed to them when it is read, for it has the key; a file that was named is left alone', () => {
    const directory = mkdtempSync(join(tmpdir(), 'node-agent-config-'));
    const path = join(directory, 'hivesync', 'node-agent.json');
    mkdirSync(join(directory, 'hivesync'));
    writeFileSync(path, '{}');
    chmodSync(path, 0o644);
    readStoredConfig({ NODE_AGENT_CONFIG: path });
    expect(statSync(path).mode & 0o777).toBe(0o644);
    readStoredConfig({ XDG_CONFIG_HOME: directory });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    rmSync(directory, { recursive: true });
  });
});

test('a configuration that is a pipe or a device is refused, and not waited for', () => {
  const directory = mkdtempSync(join(tmpdir(), 'node-agent-config-'));
  try {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const path of [pipe, '/dev/zero', directory]) {
      expect(() => readStoredConfig({ NODE_AGENT_CONFIG: path })).toThrow(`${path}: is not a file`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
