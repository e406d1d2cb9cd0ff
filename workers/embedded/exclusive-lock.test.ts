import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeLock } from './exclusive-lock.js';
import { identify } from './process-identity.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hivesync-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const taken = async () => {
  const lock = await takeLock<string>(folder);
  if ('owner' in lock) throw new Error(`owned by ${lock.owner.pid}`);
  return lock;
};

/** As a process left it whose pid this one has now: only the start time tells them apart. */
const leaveDeadOwner = (note: string | null) =>
  writeFileSync(
    join(folder, '7.json'),
    JSON.stringify({ owner: { pid: process.pid, startedAt: 'another time' }, note }),
  );

test('names the running process that owns it, and is free after a release', async () => {
  const lock = await taken();
  expect(await takeLock(folder)).toEqual({ owner: await identify(process.pid) });
  lock.release();
  expect((await taken()).abandoned).toEqual([]);
});

test("exactly one of many that race for a dead owner's lock wins, and gets the notes left behind", async () => {
  leaveDeadOwner('a child');
  const locks = await Promise.all(Array.from({ length: 50 }, () => takeLock<string>(folder)));
  const winners = locks.flatMap((lock) => ('owner' in lock ? [] : [lock]));
  expect(winners.map(({ abandoned }) => abandoned)).toEqual([['a child']]);
  winners[0]?.forgetAbandoned();
  expect(readdirSync(folder)).toEqual(['8.json']);
});

test('abandoned notes are passed on until someone has dealt with them', async () => {
  leaveDeadOwner('first');
  writeFileSync(join(folder, '6.json'), JSON.stringify({ owner: { pid: 1, startedAt: 'x' }, note: 'second' }));
  expect((await taken()).abandoned.toSorted()).toEqual(['first', 'second']);
});

test('a file cut short by a crash of the machine counts as having no owner', async () => {
  writeFileSync(join(folder, '7.json'), '');
  expect((await taken()).abandoned).toEqual([]);
});
