/** A real hive with an embedded PostgreSQL, backed up while it works, and brought back in another directory. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { NodeAgent } from './harness/node-agent.js';
import { forkHive, runHive, type ForkedHive } from './harness/processes.js';
import { testServices } from './harness/services.js';
import { until } from './harness/until.js';

let directory: string;
let agent: NodeAgent;
let hive: ForkedHive | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hivesync-backup-'));
  agent = new NodeAgent(join(directory, 'node'), 'node');
});
afterEach(async () => {
  await agent.stop();
  await hive?.program.kill('SIGTERM');
  await rm(directory, { recursive: true, force: true });
});

/** Runs a `hive` command on one of the data directories. */
async function command(dataDir: string, ...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await runHive([...args, '--json'], { HIVE_DATA_DIR: join(directory, dataDir) });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function start(dataDir: string, port = '0'): Promise<string> {
  const env = {
    HIVE_DATA_DIR: join(directory, dataDir),
    HIVE_PORT: port,
    TEMPORAL_ADDRESS: testServices().temporalAddress,
    TEMPORAL_NAMESPACE: 'default',
  };
  hive = forkHive({ env, logFile: join(directory, `${dataDir}.log`) });
  return hive.url;
}

async function untilMirrored(url: string, token: string, attempts: string[]): Promise<void> {
  const areComplete = async () => {
    const response = await fetch(`${url}/v1/swarm/attempts`, { headers: { authorization: `Bearer ${token}` } });
    const body = (await response.json()) as { attempts: { id: string; sync_state: string }[] };
    const complete = body.attempts.filter(({ sync_state: state }) => state === 'complete').map(({ id }) => id);
    return attempts.every((id) => complete.includes(id));
  };
  await until(areComplete, 60_000, `${attempts.length} attempts are complete`);
}

test('what the hive had acknowledged after a backup comes again from its nodes when the backup is restored', async () => {
  const file = join(directory, 'backup');
  const url = await start('first');
  const key = (await command('first', 'key', 'create', 'machine'))['secret'] as string;
  const token = (await command('first', 'token', 'create', 'reader'))['secret'] as string;
  agent.connect(url, key);
  const before = await agent.record(['echo', 'before']);
  await untilMirrored(url, token, [before.attemptId]);

  const meanwhile = agent.record(['sh', '-c', 'seq 1 50000']);
  const made = await command('first', 'backup', file);
  const ids = [before.attemptId, (await meanwhile).attemptId, (await agent.record(['echo', 'after'])).attemptId];
  await untilMirrored(url, token, ids);
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  // not over a hive that runs, nor over data that nobody has spoken of
  const onto = { HIVE_DATA_DIR: join(directory, 'first') };
  expect((await runHive(['restore', file, '--replace'], onto)).stderr).toContain('is in use by hive pid');
  await hive?.program.kill('SIGTERM');
  expect((await runHive(['restore', file], onto)).stderr).toContain('has a database already: give --replace');
  await writeFile(join(directory, 'damaged'), 'HIVESYNC-BACKUP 1\n');
  expect((await runHive(['restore', join(directory, 'damaged'), '--replace'], onto)).stderr).toContain('is damaged');

  expect(await command('second', 'restore', file)).toMatchObject({ rows: made['rows'], former_database: null });
  expect(await start('second', new URL(url).port)).toBe(url);
  await untilMirrored(url, token, ids);
  const lines = await fetch(`${url}/v1/swarm/attempts/${ids[1]}/logs/download`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect((await lines.text()).match(/50000\n/g)).toHaveLength(1);

  // a hive need not run: its database is started for the backup
  await hive?.program.kill('SIGTERM');
  const later = await command('second', 'backup', join(directory, 'later'));
  // how many there are says nothing of how much is in them: compaction joins pages at any time
  expect(Number(later['rows'])).toBeGreaterThan(0);
  const replaced = await command('second', 'restore', file, '--replace');
  expect((await stat(join(String(replaced['former_database']), 'PG_VERSION'))).isFile()).toBe(true);
  const again = await command('second', 'backup', join(directory, 'again'));
  // a restore notes each attempt, so that the feed tells all of them again
  const notes = Number(again['rows']) - Number(made['rows']);
  expect(notes).toBeGreaterThanOrEqual(0);
  expect(notes).toBeLessThanOrEqual(ids.length);
}, 240_000);
