import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../tests/harness/database.js';
import { openDatabase } from './client.js';
import { Prisma, type Database } from './database.js';
import { judgeDatabaseError } from './errors.js';

const ROLE = `rotated_${process.pid}`;
let testDatabase: TestDatabase;
let admin: Database;
let directory: string;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
  admin = openDatabase(testDatabase.url, 1);
  directory = await mkdtemp(join(tmpdir(), 'hivesync-passfile-'));
  process.env['PGPASSFILE'] = join(directory, 'pgpass');
  await admin.$executeRaw(Prisma.raw(`CREATE ROLE ${ROLE} LOGIN`));
});
afterAll(async () => {
  delete process.env['PGPASSFILE'];
  await admin.$executeRaw(Prisma.raw(`DROP ROLE ${ROLE}`));
  await admin.$disconnect();
  await testDatabase.drop();
  await rm(directory, { recursive: true });
});

const setPassword = (password: string) => admin.$executeRaw(Prisma.raw(`ALTER ROLE ${ROLE} PASSWORD '${password}'`));
async function writePassword(password: string): Promise<void> {
  const file = join(directory, 'pgpass');
  await writeFile(file, `*:*:*:${ROLE}:${password}\n`);
  await chmod(file, 0o600);
}

test('a password that was replaced is read again from its file, without a restart', async () => {
  const url = new URL(testDatabase.url);
  url.username = ROLE;
  url.password = '';
  const database = openDatabase(url.href, 2);
  await setPassword('first');
  await writePassword('first');
  expect(await database.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
  await setPassword('second');
  await admin.$queryRaw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${ROLE}`;
  const refused = async (): Promise<unknown> => {
    for (let tries = 0; tries < 3; tries++) {
      const error: unknown = await database.$queryRaw`SELECT 1`.catch((reason: unknown) => reason);
      if (judgeDatabaseError(error)?.code === '28P01') return error;
    }
    return undefined;
  };
  expect(judgeDatabaseError(await refused())).toMatchObject({ kind: 'passing', code: '28P01' });
  await writePassword('second');
  expect(await database.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
  await database.$disconnect();
});
