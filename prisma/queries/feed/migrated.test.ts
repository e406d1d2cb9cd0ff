/** Attempts that were there before there was a feed. */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import { createEmptyDatabase } from '../../../tests/harness/database.js';
import { openDatabase } from '../../client.js';
import { readMigrations } from '../../migration.js';
import { numberChanges } from './number-changes.js';

const OWNER = '00000000-0000-4000-8000-00000000000a';
const id = (number: number) => `00000000-0000-4000-8000-00000000000${number}`;
const attempt = (number: number, arrival: number, metadata: string) => `
  INSERT INTO attempt (id, organization_id, node_id, revision, execution_count, executor, created_at, arrival, metadata)
  VALUES ('${id(number)}', '${OWNER}', '${OWNER}', 1, 0, '', now(), ${arrival}, '${metadata}');
  INSERT INTO attempt_sync (attempt_id, node_id, attempt_created_at) VALUES ('${id(number)}', '${OWNER}', now());`;

test('get their positions in the order in which they came, and so do those of hives that are older', async () => {
  const empty = await createEmptyDatabase();
  const client = new pg.Client({ connectionString: empty.url });
  await client.connect();
  const database = openDatabase(empty.url, 2);
  try {
    for (const { name, sql } of readMigrations(join(import.meta.dirname, '..', '..', 'migrations'))) {
      if (name.endsWith('_feed')) {
        await client.query(`
          INSERT INTO organization (id, name) VALUES ('${OWNER}', 'one');
          INSERT INTO node (id, organization_id, name, machine_id, protocol_version, capabilities, updated_at)
          VALUES ('${OWNER}', '${OWNER}', '', '', 2, '{}', now());
          ${attempt(1, 3, '{"branch":"b"}')} ${attempt(2, 1, '{"branch":"nul\\u0000"}')} ${attempt(3, 2, '[]')}`);
      }
      await client.query(sql);
    }
    await client.query(attempt(4, 4, '{"branch":"old hive"}'));
    const { changes } = await numberChanges(database);
    expect(changes.map(({ attemptId }) => attemptId)).toEqual([2, 3, 1, 4].map(id));
    const { rows } = await client.query('SELECT branch FROM attempt_change ORDER BY position');
    expect(rows).toEqual([{ branch: null }, { branch: null }, { branch: 'b' }, { branch: 'old hive' }]);
    expect((await numberChanges(database)).changes).toEqual([]);
  } finally {
    await Promise.all([client.end(), database.$disconnect()]);
    await empty.drop();
  }
});
