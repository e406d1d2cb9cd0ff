import { describe, expect, test } from '@jest/globals';
import { readConfig } from './config.js';

describe('the environment', () => {
  test('has defaults; an empty variable counts as unset', () => {
    const config = readConfig({ HIVE_URL: '', NODE_API_KEY: '', LOG_LEVEL: '' });
    expect(config).toMatchObject({ hiveUrl: 'ws://127.0.0.1:3000/v1/nodes/ws', apiKey: undefined, logLevel: 'info' });
    expect(config.dataDir).toBe(`${process.cwd()}/.node-agent`);
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
