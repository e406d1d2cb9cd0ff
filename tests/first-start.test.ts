/** A hive whose variables or data directory don't fit together starts nothing, changes nothing, and says why. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openDatabase } from '../prisma/client.js';
import { projectRoot } from '../workers/project-root.js';
import { createTestDatabase } from './harness/database.js';
import { runHive } from './harness/processes.js';
import { testServices } from './harness/services.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hivesync-start-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('the admin token of another database is not overwritten by a first start', async () => {
  const created = await createTestDatabase();
  const database = openDatabase(created.url, 1);
  const file = join(directory, 'admin-token');
  await writeFile(file, 'hive_of_another_database\n');
  const env = {
    DATABASE_URL: created.url,
    TEMPORAL_ADDRESS: testServices().temporalAddress,
    HIVE_DATA_DIR: directory,
    HIVE_PORT: '0',
  };
  try {
    const { status, stdout, stderr } = await runHive(['start'], env);
    expect(status).not.toBe(0);
    expect(stdout + stderr).toContain(`${file} is there, from another one`);
    expect(await readFile(file, 'utf8')).toBe('hive_of_another_database\n');
    expect(await database.organization.count()).toBe(0);
  } finally {
    await database.$disconnect();
    await created.drop();
  }
});

test('an empty DATABASE_URL beside a Temporal does not make an embedded database', async () => {
  const data = join(directory, 'hive');
  const env = { DATABASE_URL: '', TEMPORAL_ADDRESS: testServices().temporalAddress, HIVE_DATA_DIR: data };
  for (const command of ['start', 'worker', 'migrate']) {
    const { status, stderr } = await runHive([command], env);
    expect(status).not.toBe(0);
    expect(stderr).toContain('DATABASE_URL is ""; allowed: a value; unset it for the default');
  }
  await expect(access(data)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a port that is taken is known before anything is started, and the sentence says what to set', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const data = join(directory, 'hive');
  try {
    const { status, stdout, stderr } = await runHive(['start'], { HIVE_DATA_DIR: data, HIVE_PORT: String(port) });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe(
      `hive: port ${port} of 127.0.0.1 is taken: set HIVE_PORT to another port (0 means any free one), or stop what uses it\n`,
    );
    await expect(access(data)).rejects.toMatchObject({ code: 'ENOENT' });
  } finally {
    taken.close();
  }
});

test.each([
  ['HIVE_URL', 'HIVE_URL: is'],
  ['NODE_API_KEY', 'NODE_API_KEY is not set'],
  ['NODE_DATA_DIR', 'NODE_DATA_DIR: is'],
])('a node with an empty %s does not connect', async (name, sentence) => {
  const env = { PATH: process.env['PATH'], NODE_API_KEY: 'x', NODE_DATA_DIR: directory, [name]: '' };
  const cli = join(projectRoot(), 'dist', 'node-agent', 'bundle', 'cli.js');
  const running = promisify(execFile)(process.execPath, [cli, 'connect'], { env, cwd: directory, timeout: 60_000 });
  await expect(running).rejects.toMatchObject({ stderr: expect.stringContaining(sentence) });
  await expect(access(join(directory, '.node-agent'))).rejects.toMatchObject({ code: 'ENOENT' });
});
