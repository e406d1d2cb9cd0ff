import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { expect, test } from '@jest/globals';
import { hostIdentities } from './host-identity.js';

const RAW = ['/etc/machine-id', '/proc/sys/kernel/random/boot_id'].filter(existsSync);

test('two processes of one machine have an identity in common, and the raw ids are in none', () => {
  const here = hostIdentities();
  expect(here.length).toBeGreaterThan(0);
  for (const identity of here) expect(identity).toMatch(/^[0-9a-f]{32}$/);
  expect(hostIdentities()).toEqual(here);
  const raw = [hostname(), ...RAW.map((file) => readFileSync(file, 'utf8').trim())].filter((id) => id !== '');
  for (const id of raw) expect(here).not.toContain(id.replaceAll('-', ''));
});
