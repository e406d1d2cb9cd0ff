/** Which token goes to which hive: one of another hive never does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { findHive, isThisMachine } from './hive-access.js';

const directory = mkdtempSync(join(tmpdir(), 'hive-access-'));
const before = { ...process.env };
beforeEach(() => {
  process.env = { ...before, HIVE_DATA_DIR: directory, XDG_CONFIG_HOME: directory };
  for (const name of ['HIVE_URL', 'HIVE_TOKEN', 'HIVE_PROFILE']) Reflect.deleteProperty(process.env, name);
  writeFileSync(join(directory, 'admin-token'), 'hive_of-this-directory\n');
});
afterAll(() => {
  process.env = before;
  rmSync(directory, { recursive: true });
});

test.each([
  ['http://localhost:3000', true],
  ['http://127.0.0.1:3000', true],
  ['http://127.1:3000', true],
  ['http://[::1]:3000', true],
  ['http://127.example.com', false],
  ['http://127.0.0.1.example.com', false],
  ['http://localhost.example.com', false],
])('%s is an address of this machine: %s', (url, isIt) => expect(isThisMachine(url)).toBe(isIt));

test('the admin token of this machine is not sent to a name that begins like its addresses', async () => {
  expect(await findHive({ url: 'http://127.0.0.1:3000' })).toMatchObject({ token: 'hive_of-this-directory' });
  await expect(findHive({ url: 'http://127.0.0.1.example.com' })).rejects.toThrow('there is no token for');
});

test('HIVE_TOKEN is for the hive that HIVE_URL names: --url of another one does not get it', async () => {
  Object.assign(process.env, { HIVE_URL: 'https://own.example/', HIVE_TOKEN: 'hive_of-own' });
  expect(await findHive({})).toMatchObject({ url: 'https://own.example', token: 'hive_of-own' });
  expect(await findHive({ url: 'https://own.example' })).toMatchObject({ token: 'hive_of-own' });
  await expect(findHive({ url: 'https://other.example' })).rejects.toThrow('there is no token for');
  expect(await findHive({ url: 'https://other.example', token: 'given' })).toMatchObject({ token: 'given' });
  Reflect.deleteProperty(process.env, 'HIVE_URL');
  expect(await findHive({ url: 'https://other.example' })).toMatchObject({ token: 'hive_of-own' });
});

test.each(['hive_first\nhive_second', 'hive_ä', 'two words', ''])(
  'what is no token is not quoted: %j',
  async (token) => {
    const failing = findHive({ url: 'https://own.example', token });
    await expect(failing).rejects.toThrow(
      '--token holds no token: it has spaces, line ends or characters that none has',
    );
  },
);
