import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { whileRunning } from '../../tests/harness/processes.js';
import { until } from '../../tests/harness/until.js';
import { createLogger } from '../logger.js';
import { projectRoot } from '../project-root.js';
import type { ChildRecord } from './data-dir.js';
import { startEmbedded, type Embedded } from './index.js';
import { isAlive } from './process-identity.js';

const logger = createLogger({ logLevel: 'silent', instanceId: 'test' });
const root = mkdtempSync(join(tmpdir(), 'hivesync-embedded-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function children(dataDir: string): ChildRecord[] {
  const folder = join(dataDir, 'lock');
  return readdirSync(folder).flatMap((name) => {
    const { note } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { note: ChildRecord[] | null };
    return note ?? [];
  });
}

async function living(records: readonly ChildRecord[]): Promise<string[]> {
  const alive = await Promise.all(records.map(isAlive));
  return records.flatMap(({ kind }, i) => (alive[i] ? [kind] : []));
}

async function query(embedded: Embedded, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: embedded.databaseUrl });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function temporalStatus(embedded: Embedded): Promise<unknown> {
  const connection = await Connection.connect({ address: embedded.temporalAddress ?? '', connectTimeout: 10_000 });
  try {
    return (await connection.healthService.check({})).status;
  } finally {
    await connection.close();
  }
}

async function eventually<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  let result: T | undefined;
  await until(async () => {
    result = await attempt();
    return true;
  });
  return result;
}

const SERVING = 1;

describe('PostgreSQL and Temporal in a data directory', () => {
  const dataDir = join(root, 'both');
  let embedded: Embedded;
  beforeAll(async () => {
    embedded = await startEmbedded({ dataDir, postgres: true, temporal: true }, logger);
  });
  afterAll(() => embedded.stop());

  test('serve only on 127.0.0.1, with UTF8', async () => {
    expect(await temporalStatus(embedded)).toBe(SERVING);
    expect(await query(embedded, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
    expect(await query(embedded, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect((await fetch(embedded.temporalUiUrl ?? '')).status).toBe(200);
  });

  test('are not started twice', async () => {
    await expect(startEmbedded({ dataDir, postgres: true, temporal: true }, logger)).rejects.toMatchObject({
      code: 'data_dir_in_use',
      message: `data directory ${dataDir} is in use by hive pid ${process.pid}; stop it or set HIVE_DATA_DIR`,
    });
  });

  test('are started again on the same ports when they are killed', async () => {
    const before = children(dataDir);
    for (const { pid } of before) process.kill(pid, 'SIGKILL');
    expect(await eventually(() => query(embedded, 'SELECT 1 AS one'))).toEqual([{ one: 1 }]);
    expect(await eventually(() => temporalStatus(embedded))).toBe(SERVING);
    expect(await living(before)).toEqual([]);
    expect(children(dataDir).map(({ port }) => port)).toEqual(before.map(({ port }) => port));
  });

  test('leave no process behind when stopped, and find their data and ports again', async () => {
    await query(embedded, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const running = children(dataDir);
    expect(await living(running)).toEqual(['postgres', 'temporal']);
    await embedded.stop();
    expect(await living(running)).toEqual([]);
    const again = await startEmbedded({ dataDir, postgres: true, temporal: true }, logger);
    try {
      expect(await query(again, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
      expect({ ...again, stop: undefined }).toEqual({ ...embedded, stop: undefined });
    } finally {
      await again.stop();
    }
  });
});

test('the start after a killed hive stops what it left running, and works', async () => {
  const dataDir = join(root, 'killed');
  const owner = fork(join(import.meta.dirname, '../../tests/harness/embedded-owner.mjs'), [dataDir], {
    execArgv: [],
    silent: true,
  });
  const [line] = (await whileRunning(owner, 'nothing was printed', (signal) =>
    once(owner.stdout ?? owner, 'data', { signal }),
  )) as [Buffer];
  const started = JSON.parse(line.toString()) as Embedded;
  await query(started, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const orphans = children(dataDir);
  owner.kill('SIGKILL');
  await new Promise((resolve) => owner.once('exit', resolve));
  expect(await living(orphans)).toEqual(['postgres', 'temporal']);

  const next = await startEmbedded({ dataDir, postgres: true, temporal: false }, logger);
  try {
    expect(await living(orphans)).toEqual([]);
    expect(children(dataDir).map(({ kind }) => kind)).toEqual(['postgres']);
    expect(await query(next, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  } finally {
    await next.stop();
  }
});

test('a configured port that is taken is refused with the name of its variable', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  const dataDir = join(root, 'port');
  try {
    await expect(
      startEmbedded({ dataDir, postgres: true, temporal: false, postgresPort: port }, logger),
    ).rejects.toMatchObject({ code: 'port_in_use', message: expect.stringContaining('HIVE_POSTGRES_PORT') });
  } finally {
    taken.close();
  }
});

test('a database of another PostgreSQL is left alone, and the sentence says how to bring it along', async () => {
  const dataDir = join(root, 'former');
  mkdirSync(join(dataDir, 'postgres'), { recursive: true });
  writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '17\n');
  writeFileSync(join(dataDir, 'postgres-password'), 'x');
  await expect(startEmbedded({ dataDir, postgres: true, temporal: false }, logger)).rejects.toMatchObject({
    code: 'other_postgres',
    message: expect.stringMatching(
      /postgres is of PostgreSQL 17, and .* has PostgreSQL 18: run `hive backup FILE` with .* before, then `hive restore --replace FILE`/,
    ),
  });
  expect(readdirSync(join(dataDir, 'postgres'))).toEqual(['PG_VERSION']);
});

test('a data directory that is a file is refused', async () => {
  await expect(
    startEmbedded({ dataDir: join(import.meta.dirname, 'index.ts'), postgres: true, temporal: false }, logger),
  ).rejects.toMatchObject({ code: 'data_dir_unusable' });
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;
asRoot('root can keep its data in a folder that is closed to others', async () => {
  const closed = join(root, 'closed');
  mkdirSync(closed);
  chmodSync(closed, 0o700);
  const embedded = await startEmbedded({ dataDir: join(closed, 'hive'), postgres: true, temporal: false }, logger);
  try {
    expect(await query(embedded, 'SELECT current_user')).toEqual([{ current_user: 'hive' }]);
  } finally {
    await embedded.stop();
  }
});

asRoot('a user without a name in the system is told what to do', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hivesync-nameless-'));
  const [uid, gid] = [54_321, 54_321];
  chownSync(dataDir, uid, gid);
  const hive = join(projectRoot(), 'dist', 'workers', 'hive.js');
  const env = { PATH: process.env['PATH'], HOME: dataDir, HIVE_DATA_DIR: dataDir, TEMPORAL_ADDRESS: '127.0.0.1:1' };
  try {
    await expect(promisify(execFile)(process.execPath, [hive, 'start'], { uid, gid, env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^hive: PostgreSQL needs a name for the user .*uid 54321; add one \(echo "hive:x:54321:54321:.*DATABASE_URL\n$/,
      ),
    });
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
