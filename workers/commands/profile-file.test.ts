import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findHive } from './hive-access.js';
import { profileName, profilePath, readProfiles, writeProfiles } from './profile-file.js';

let directory: string;
const before = { ...process.env };
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hivesync-profiles-'));
  for (const name of ['HIVE_URL', 'HIVE_TOKEN', 'HIVE_PROFILE']) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, { XDG_CONFIG_HOME: join(directory, 'config'), HIVE_DATA_DIR: join(directory, 'hive') });
});
afterEach(async () => {
  process.env = { ...before };
  await rm(directory, { recursive: true, force: true });
});

const HOME = { url: 'https://home.example', token: 'secret-of-home' };
const WORK = { url: 'https://work.example', token: 'secret-of-work' };
const login = () => writeProfiles({ current: 'work', profiles: { home: HOME, work: WORK } });

test('only their owner can read the tokens, also where a file was readable before', async () => {
  await login();
  await writeProfiles({ current: 'home', profiles: { home: HOME } });
  expect((await stat(profilePath())).mode & 0o777).toBe(0o600);
  expect((await stat(join(profilePath(), '..'))).mode & 0o777).toBe(0o700);
  expect(JSON.parse(await readFile(profilePath(), 'utf8'))).toEqual(await readProfiles());
});

test('what is named last decides: options, then variables, then the last login', async () => {
  expect(await findHive({})).toBeUndefined();
  await login();
  expect(await findHive({})).toMatchObject({ ...WORK, tokenFrom: 'profile work', isNamed: true });
  process.env['HIVE_PROFILE'] = 'home';
  expect(await findHive({})).toMatchObject(HOME);
  expect(await findHive({ profile: 'work' })).toMatchObject(WORK);
  process.env['HIVE_URL'] = 'wss://other.example/';
  await expect(findHive({})).rejects.toThrow('there is no token for https://other.example');
  process.env['HIVE_TOKEN'] = 'x';
  expect(await findHive({})).toMatchObject({ url: 'https://other.example', token: 'x', tokenFrom: 'HIVE_TOKEN' });
  expect(await findHive({ profile: 'work' })).toMatchObject(WORK); // HIVE_TOKEN is for HIVE_URL
  await expect(findHive({ url: 'https://a.example', profile: 'work' })).rejects.toThrow('give one of them');
});

test('an address that has a token in the profiles needs no other', async () => {
  await login();
  expect(await findHive({ url: 'https://home.example/' })).toMatchObject({ ...HOME, tokenFrom: 'profile home' });
});

test('a damaged file, an unknown profile and a wrong name are said in a sentence without the token', async () => {
  await login();
  await expect(findHive({ profile: 'nowhere' })).rejects.toThrow(/no profile "nowhere" \(there are home, work\)/);
  expect(() => profileName('../x')).toThrow('no name for a profile');
  await writeFile(profilePath(), '{"profiles": {"a": {"token": "secret"}}}');
  const error: unknown = await findHive({}).catch((failure: unknown) => failure);
  expect(String(error)).toMatch(/is damaged: delete it/);
  expect(String(error)).not.toContain('secret"');
});
