import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHive, runHiveInTerminal, type CommandOutput } from './harness/processes.js';
import { ScriptedV1Node } from './harness/scripted-v1-node.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

let world: World;
let hive: HiveHandle;
let nowhere: string;
beforeAll(async () => {
  world = await World.create();
  hive = await world.startHive();
  nowhere = await mkdtemp(join(tmpdir(), 'hivesync-nowhere-'));
});
afterAll(async () => {
  await world.stop();
  await rm(nowhere, { recursive: true, force: true });
});

/** Runs `hive` as someone with the hive's data directory would, unless `env` says otherwise. */
function run(args: string[], env: Record<string, string> = {}): Promise<CommandOutput> {
  return runHive(args, { HIVE_DATA_DIR: join(world.directory, 'hive'), ...env });
}

async function json<T>(args: string[], env?: Record<string, string>): Promise<T> {
  const { status, stdout, stderr } = await run([...args, '--json'], env);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

/** What a list prints: one JSON object a line. */
async function jsonLines<T>(args: string[], env?: Record<string, string>): Promise<T[]> {
  const { status, stdout, stderr } = await run([...args, '--json'], env);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
}

test('organisations are created and listed; a name can be used only once', async () => {
  const made = await json<{ id: string; secret: string }>(['org', 'create', 'second']);
  expect(await jsonLines(['org', 'list'])).toMatchObject([{ name: 'default' }, { id: made.id, name: 'second' }]);
  expect(await run(['org', 'create', 'second'])).toMatchObject({
    status: 1,
    stderr: 'hive: there is an organisation with this name already\n',
  });
  expect((await run(['org', 'create', 'two words'])).status).toBe(2);
  const asSecond = ['--url', hive.url, '--token', made.secret];
  expect(await jsonLines(['token', 'list', ...asSecond])).toMatchObject([{ name: 'first admin', role: 'admin' }]);
  expect((await run(['org', 'list', ...asSecond])).stderr).toContain('needs an admin of the organisation default');
});

test('a key is created through the API of a running hive, or in the database for a given organisation', async () => {
  const { api_key: key } = await json<{ api_key: Record<string, string> }>(['key', 'create', 'machine']);
  expect(key['created_by']).not.toBeNull(); // the admin token; in the database alone there would be no creator
  const other = await json<{ api_key: Record<string, string> }>([
    'key',
    'create',
    'other',
    '--organization',
    'default',
  ]);
  expect(other.api_key['created_by']).toBeNull();
  const remote = ['--url', hive.url, '--token', await world.adminToken()];
  const listed = await jsonLines<{ name: string }>(['key', 'list', ...remote], { HIVE_DATA_DIR: nowhere });
  expect(listed.map(({ name }) => name)).toEqual(['other', 'machine']);
  const id = key['id'] ?? '';
  expect(await json(['key', 'revoke', id])).toEqual({ revoked: id });
  expect(await run(['key', 'revoke', id])).toMatchObject({ status: 1, stderr: 'hive: API key not found\n' });
});

test('another machine needs only HIVE_URL and HIVE_TOKEN, and the admin token never goes to a hive elsewhere', async () => {
  const remote = {
    HIVE_DATA_DIR: nowhere,
    HIVE_URL: `${hive.url.replace('http', 'ws')}/`,
    HIVE_TOKEN: await world.adminToken(),
  };
  expect(await jsonLines(['key', 'list'], remote)).toHaveLength(2);
  expect(await jsonLines(['project', 'list'], remote)).toEqual([]);
  expect(await jsonLines(['org', 'list'], remote)).toHaveLength(2);
  expect(await jsonLines(['token', 'list'], remote)).toMatchObject([{ name: 'first start', role: 'admin' }]);
  const elsewhere = 'http://hive.invalid:3000';
  expect(await run(['key', 'list'], { HIVE_URL: elsewhere })).toMatchObject({
    status: 2,
    stderr: `hive: there is no token for ${elsewhere}: set HIVE_TOKEN, or give --token, or run hive login ${elsewhere}\n`,
  });
  expect(await run(['key', 'list'], { HIVE_URL: elsewhere, HIVE_TOKEN: 'x' })).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^hive: no hive answers at http:\/\/hive.invalid:3000 \(E\w+\); check HIVE_URL/),
  });
});

test('tokens are created, listed without their secret, and revoked', async () => {
  const made = await json<{ token: { id: string }; secret: string }>(['token', 'create', 'ci', '--role', 'admin']);
  const listed = await run(['token', 'list', '--json']);
  expect(listed.stdout).toContain(made.token.id);
  expect(listed.stdout).not.toContain(made.secret);
  expect(await json(['token', 'revoke', made.token.id])).toEqual({ revoked: made.token.id });
  expect(await run(['key', 'list', '--url', hive.url, '--token', made.secret])).toMatchObject({
    status: 1,
    stderr: 'hive: the credential has been revoked; the token is from --token\n',
  });
});

test('what an admin lists fits a terminal of 80 columns, with whole ids', async () => {
  const long = 'a name that is so long that no table has room for it, whatever else it leaves out';
  await run(['token', 'create', long, '--expires-in-days', '9']);
  await run(['key', 'create', long]);
  await run(['node', 'invite']);
  const hook = await json<{ id: string }>(['webhook', 'create', `https://example.org/${long.replaceAll(' ', '/')}`]);
  const headers = { authorization: `Bearer ${await world.adminToken()}` };
  await fetch(`${hive.url}/v1/webhooks/${hook.id}/test`, { method: 'POST', headers });
  const lists = ['org list', 'token list', 'key list', 'node invites', 'webhook list', `webhook deliveries ${hook.id}`];
  for (const list of lists) {
    const shown = await runHiveInTerminal(list.split(' '), { HIVE_DATA_DIR: join(world.directory, 'hive') }, 80);
    expect([list, shown.length]).not.toEqual([list, 1]);
    expect(shown[0]).toMatch(/^ID +[A-Z]+/);
    for (const line of shown.slice(1)) expect(line).toMatch(/^[0-9a-f-]{36} {2}\S/);
    for (const line of shown) expect(line.length).toBeLessThanOrEqual(80);
  }
});

test('projects of an original node are listed, linked and unlinked', async () => {
  const node = new ScriptedV1Node(await world.newKey());
  const login = await node.connect(hive.url);
  const projects = ['one', 'two', 'two'].map((name, index) => ({
    ...{ local_project_id: randomUUID(), name, git_repo_path: `/srv/${index}`, default_branch: 'main' },
  }));
  node.send('projects_sync', { projects });
  const listed = () => jsonLines<{ path: string; linked_to: string | null }>(['project', 'list']);
  await until(async () => (await listed()).length === 3);
  expect(await json(['project', 'link', 'node-1', 'one', '--as', 'ours'])).toEqual({
    node_id: login['node_id'],
    linked: [projects[0]?.local_project_id],
  });
  expect((await run(['project', 'link', 'node-1', 'two'])).stderr).toMatch(/^hive: more than one project/);
  expect((await run(['project', 'link', 'node-1'])).status).toBe(2);
  expect((await run(['project', 'link', 'node-1', '--all'])).stdout).toMatch(/^linked two .*\nlinked two .*\n$/);
  const links = Object.fromEntries((await listed()).map((row) => [row.path, row.linked_to]));
  expect(Object.values(links).sort()).toEqual(['ours', 'two', expect.stringMatching(/^two \([0-9a-f]{8}\)$/)]);
  expect((await run(['project', 'unlink', 'node-1', '/srv/0'])).stdout).toBe('unlinked one (/srv/0)\n');
  expect((await run(['project', 'unlink', 'node-1', '/srv/0'])).status).toBe(1);
  node.drop();
});

test('--wait waits for a backfill, without a progress bar if there is no terminal; its outcome decides the exit code', async () => {
  const agent = world.newAgent();
  const { attemptId } = await agent.record(['seq', '1', '3000']);
  agent.connect(hive.url, await world.newKey());
  for (;;) {
    const started = await run(['backfill', attemptId, '--wait', '--json']);
    if (started.status === 1 && started.stderr.includes('not found')) continue; // not announced yet
    expect(started).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(started.stdout)).toMatchObject({ outcome: 'complete', result: { lines_stored: 3000 } });
    break;
  }
  expect(await json(['backfill', attemptId, '--type', 'logs'])).toMatchObject({ workflow_id: `backfill/${attemptId}` });
  await agent.stop();
});

const misuses: [string, string[], Record<string, string>, string][] = [
  ['an unknown command', ['nonsense'], {}, 'unknown command'],
  ['an unknown option', ['org', 'list', '--nonsense'], {}, 'unknown option'],
  ['a missing argument', ['backfill'], {}, 'missing required argument'],
  ['an invalid id', ['backfill', 'x'], {}, 'must be the id of an attempt'],
  ['an unknown type', ['backfill', '00000000-0000-4000-8000-000000000000', '--type', 'x'], {}, 'Allowed'],
  ['a wrong variable', ['org', 'list'], { HIVE_PORT: 'x' }, 'hive: HIVE_PORT is "x"; allowed:'],
  ['no hive anywhere', ['org', 'list'], { HIVE_DATA_DIR: '/nowhere' }, 'hive: no database: set DATABASE_URL'],
  [
    'no hive to ask',
    ['backfill', '00000000-0000-4000-8000-000000000000'],
    { HIVE_DATA_DIR: '/nowhere' },
    'Set HIVE_URL',
  ],
];

test.each(misuses)('%s ends with 2', async (_name, args, env, message) => {
  const { status, stdout, stderr } = await run(args, env);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(message);
});

test('help is not a failure, but a refusal by the hive is', async () => {
  expect(await run(['doctor', '--help'])).toMatchObject({ status: 0, stderr: '' });
  const unknown = '00000000-0000-4000-8000-000000000000';
  expect(await run(['backfill', unknown])).toMatchObject({ status: 1, stderr: 'hive: task attempt not found\n' });
  const away = ['backfill', unknown, '--url', 'http://127.0.0.1:1', '--token', 'x'];
  expect(await run(away)).toMatchObject({
    status: 1,
    stderr: 'hive: no hive answers at http://127.0.0.1:1; check HIVE_URL or --url, and that the hive runs\n',
  });
});
