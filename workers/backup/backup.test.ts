import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openDatabase } from '../../prisma/client.js';
import { numberChanges } from '../../prisma/queries/feed/number-changes.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../tests/harness/database.js';
import { createLogger } from '../logger.js';
import { applyMigrations } from '../migrate.js';
import { checkBackup } from './check-backup.js';
import { makeBackup } from './make-backup.js';
import { restoreBackup } from './restore-backup.js';

const logger = createLogger({ logLevel: 'silent', instanceId: 'test' });
const ORGANIZATION = '00000000-0000-4000-8000-000000000001';
const NODE = '00000000-0000-4000-8000-000000000002';

let folder: string;
let source: TestDatabase;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hivesync-backup-'));
  file = join(folder, 'backup');
  source = await createTestDatabase();
  await query(source, `INSERT INTO organization (id, name) VALUES ('${ORGANIZATION}', 'default')`);
  await query(
    source,
    `INSERT INTO node (id, organization_id, name, machine_id, protocol_version, capabilities, updated_at)
     VALUES ('${NODE}', '${ORGANIZATION}', E'naïve\\t\\n☃', 'm', 2, '{"text":"\\u0000"}', now())`,
  );
  await addAttempts(source, 200);
});
afterAll(async () => {
  await source.drop();
  await rm(folder, { recursive: true, force: true });
});

async function query<Row extends object>(database: TestDatabase, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Attempts with one execution and one page of 64 KiB of noise each. */
async function addAttempts(database: TestDatabase, count: number): Promise<void> {
  await query(
    database,
    `WITH made AS (
       INSERT INTO attempt (id, organization_id, node_id, revision, execution_count, executor, created_at, metadata)
       SELECT gen_random_uuid(), '${ORGANIZATION}', '${NODE}', 1, 1, 'x', now(), '{}' FROM generate_series(1, ${count})
       RETURNING id
     ), run AS (
       INSERT INTO execution (id, attempt_id, node_id, ordinal, revision, status, declared_lines, log_epoch, stored_epoch, created_at, metadata)
       SELECT gen_random_uuid(), id, '${NODE}', 0, 1, 'completed', 1, 0, 0, now(), '{}' FROM made RETURNING id
     ), sync AS (
       INSERT INTO attempt_sync (attempt_id, node_id, attempt_created_at) SELECT id, '${NODE}', now() FROM made
     )
     INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
     SELECT id, 0, 1, 1, 1, 0, 0, 1, (SELECT string_agg(sha256(convert_to(id::text || n, 'UTF8')), '') FROM generate_series(1, 2000) AS n)
       FROM run`,
  );
}

/** Everything in the hive's tables. */
async function contentOf(database: TestDatabase): Promise<Record<string, unknown>> {
  const tables = await query<{ name: string }>(
    database,
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY 1",
  );
  const content: Record<string, unknown> = {};
  for (const { name } of tables) {
    const [row] = await query<{ hash: string }>(
      database,
      `SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) AS hash FROM ${name} t`,
    );
    content[name] = row?.hash;
  }
  return content;
}

test('a backup, restored into an empty database, has every row; what is counted goes on behind what was given out', async () => {
  const summary = await makeBackup(source.url, file);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(file)).size).toBe(summary.bytes);
  const backup = await checkBackup(file);
  expect(backup).toMatchObject({
    installation: null,
    createdAt: summary.createdAt,
    rows: { attempt: 200, log_page: 200 },
  });
  const target = await createEmptyDatabase();
  try {
    await restoreBackup(target.url, file, backup, logger);
    const notes = { attempt_touched: undefined }; // all are told again, whatever was noted
    expect({ ...(await contentOf(target)), ...notes }).toEqual({ ...(await contentOf(source)), ...notes });
    const [sequence] = await query<{ last: string }>(
      target,
      'SELECT last_value::text AS last FROM attempt_arrival_seq',
    );
    expect(Number(sequence?.last)).toBeGreaterThanOrEqual(1_000_200);
    await expect(restoreBackup(target.url, file, backup, logger)).rejects.toMatchObject({ code: 'not_empty' });
  } finally {
    await target.drop();
  }
});

test('after a restore every attempt is told again, at positions that no reader has seen, and later changes are', async () => {
  const [before, target] = [openDatabase(source.url, 2), await createEmptyDatabase()];
  const path = join(folder, 'fed');
  const after = openDatabase(target.url, 2);
  try {
    const { changes } = await numberChanges(before);
    await makeBackup(source.url, path);
    await restoreBackup(target.url, path, await checkBackup(path), logger);
    const told = (await numberChanges(after)).changes;
    const idsOf = (list: typeof changes) => list.map(({ attemptId }) => attemptId).sort();
    expect(idsOf(told)).toEqual(idsOf(changes));
    expect(told[0]?.position).toBeGreaterThan(10_000_000_000n);
    expect(told.every(({ before: known }) => known !== null)).toBe(true);
    await query(target, `UPDATE attempt SET title = 'other' WHERE id = '${changes[0]?.attemptId ?? ''}'`);
    expect(idsOf((await numberChanges(after)).changes)).toEqual([changes[0]?.attemptId]);
  } finally {
    await Promise.all([before.$disconnect(), after.$disconnect()]);
    await target.drop();
  }
});

test('an attempt that was in a backfill when the backup was made waits for the next one, not for that one', async () => {
  const target = await createEmptyDatabase();
  const path = join(folder, 'held');
  const held = (reason: string) => `
    UPDATE attempt_sync SET state = 'pending_backfill', run_id = 'r', requested_at = now(), needs_backfill = true,
      unavailable_reason = ${reason}
    WHERE attempt_id = (SELECT attempt_id FROM attempt_sync WHERE state <> 'pending_backfill' LIMIT 1)`;
  try {
    await query(source, held('NULL'));
    await query(source, held(`'not_found'`)); // a person tried whether the node has it again
    await makeBackup(source.url, path);
    await restoreBackup(target.url, path, await checkBackup(path), logger);
    const states = `SELECT state, run_id, needs_backfill FROM attempt_sync WHERE requested_at IS NOT NULL ORDER BY state`;
    expect(await query(target, states)).toEqual([
      { state: 'partial', run_id: null, needs_backfill: true },
      { state: 'unavailable', run_id: null, needs_backfill: false },
    ]);
  } finally {
    await query(source, `UPDATE attempt_sync SET state = 'partial', run_id = NULL, requested_at = NULL`);
    await target.drop();
  }
});

test('what is written meanwhile is in a backup whole, or not at all', async () => {
  const path = join(folder, 'meanwhile');
  const written = new AbortController();
  const write = async (): Promise<void> => {
    await addAttempts(source, 5);
    if (!written.signal.aborted) await write();
  };
  const writing = write();
  await makeBackup(source.url, path).finally(() => written.abort());
  await writing;
  const { rows } = await checkBackup(path);
  expect(rows['attempt']).toBeGreaterThan(0);
  expect([rows['execution'], rows['log_page']]).toEqual([rows['attempt'], rows['attempt']]);
});

test('a backup of an older version is brought to this one', async () => {
  const old = await createEmptyDatabase();
  const target = await createEmptyDatabase();
  const path = join(folder, 'old');
  try {
    await applyMigrations(old.url, logger, { through: '20261126155000_installation' });
    await query(old, `INSERT INTO organization (id, name) VALUES ('${ORGANIZATION}', 'old')`);
    await query(
      old,
      `INSERT INTO node (id, organization_id, name, machine_id, protocol_version, capabilities, updated_at)
       VALUES ('${NODE}', '${ORGANIZATION}', 'n', 'm', 2, '{}', now())`,
    );
    await query(
      old,
      `INSERT INTO attempt (id, organization_id, node_id, revision, execution_count, executor, created_at, metadata)
       SELECT gen_random_uuid(), '${ORGANIZATION}', '${NODE}', 1, 1, 'x', now() - n * interval '1 s', '{}' FROM generate_series(1, 3) n`,
    );
    await makeBackup(old.url, path);
    await restoreBackup(target.url, path, await checkBackup(path), logger);
    // the migration that numbers them has seen them
    expect(await query(target, 'SELECT arrival::int FROM attempt ORDER BY created_at')).toEqual([
      { arrival: 1 },
      { arrival: 2 },
      { arrival: 3 },
    ]);
    expect(Object.keys(await contentOf(target))).toEqual(Object.keys(await contentOf(source)));
  } finally {
    await Promise.all([old.drop(), target.drop()]);
  }
});

describe('a file that is not sound is refused before anything is touched', () => {
  const bytes = async () => readFile(file);
  const damages: [string, (sound: Buffer) => Buffer, string][] = [
    ['cut short', (sound) => sound.subarray(0, sound.length - 100), 'damaged'],
    ['cut in the middle', (sound) => sound.subarray(0, sound.length / 2), 'damaged'],
    ['empty', () => Buffer.alloc(0), 'damaged'],
    ['with one bit changed in a page', (sound) => flip(sound, Math.floor(sound.length / 2)), 'damaged'],
    ['with one bit changed in its checksum', (sound) => flip(sound, sound.length - 1), 'damaged'],
    ['with something behind its end', (sound) => Buffer.concat([sound, Buffer.from('x')]), 'damaged'],
    ['that is something else', () => Buffer.from('-- PostgreSQL database dump\n'), 'damaged'],
    ['of another format', (sound) => Buffer.concat([Buffer.from('HIVESYNC-BACKUP 2'), sound.subarray(17)]), 'newer'],
    ['of a newer version', (sound) => withOtherMigration(sound), 'newer'],
  ];
  test.each(damages)('%s', async (_name, change, code) => {
    const path = join(folder, 'changed');
    await writeFile(path, change(await bytes()));
    await expect(checkBackup(path)).rejects.toMatchObject({ code, message: expect.stringContaining(path) });
  });

  test('changed after it was checked: the database stays empty', async () => {
    const path = join(folder, 'changed');
    const sound = await bytes();
    await writeFile(path, sound);
    const backup = await checkBackup(path);
    await writeFile(path, flip(sound, sound.length - 1));
    const target = await createEmptyDatabase();
    try {
      await expect(restoreBackup(target.url, path, backup, logger)).rejects.toMatchObject({ code: 'damaged' });
      expect(await query(target, 'SELECT FROM organization')).toEqual([]);
      await writeFile(path, sound);
      await restoreBackup(target.url, path, backup, logger); // what was left does not keep the next try from working
    } finally {
      await target.drop();
    }
  });

  function flip(sound: Buffer, at: number): Buffer {
    const changed = Buffer.from(sound);
    changed[at] = (changed[at] ?? 0) ^ 1;
    return changed;
  }

  /** A sound file, whose database has one migration more than this version knows. */
  function withOtherMigration(sound: Buffer): Buffer {
    const at = sound.indexOf('\n') + 1;
    const length = sound.readUInt32BE(at);
    const header = JSON.parse(sound.toString('utf8', at + 5, at + 5 + length)) as { migrations: object[] };
    header.migrations.push({ name: '99990101000000_of_the_future', checksum: '' });
    const text = Buffer.from(JSON.stringify(header));
    const head = Buffer.from([0, 0, 0, 0, sound[at + 4] ?? 0]);
    head.writeUInt32BE(text.length);
    const content = Buffer.concat([
      sound.subarray(0, at),
      head,
      text,
      sound.subarray(at + 5 + length, sound.length - 32),
    ]);
    return Buffer.concat([content, createHash('sha256').update(content).digest()]);
  }
});

test('a backup replaces no file, and one that fails leaves none', async () => {
  const folderOf = join(folder, 'kept');
  await mkdir(folderOf);
  const path = join(folderOf, 'file');
  await writeFile(path, 'mine');
  await expect(makeBackup(source.url, path)).rejects.toMatchObject({ code: 'file_exists' });
  expect(await readFile(path, 'utf8')).toBe('mine');
  const controller = new AbortController();
  const stopped = makeBackup(source.url, join(folderOf, 'other'), {
    signal: controller.signal,
    onBytes: () => controller.abort(new Error('enough')),
  });
  await expect(stopped).rejects.toThrow();
  const empty = await createEmptyDatabase();
  await expect(makeBackup(empty.url, join(folderOf, 'empty'))).rejects.toMatchObject({ code: 'nothing_there' });
  await empty.drop();
  expect(await readdir(folderOf)).toEqual(['file']);
});
