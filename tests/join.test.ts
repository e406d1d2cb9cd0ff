/** A machine joins a hive with the real command, and needs nothing in its environment from then on. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createHttpServer } from '../api/app.js';
import { Gateway } from '../gateway/gateway.js';
import type { StoredConfig } from '../node-agent/config-file.js';
import { AgentProcesses, type RunningAgent } from '../node-agent/testing/agent-process.js';
import { forOrganization } from '../prisma/organization-scope.js';
import { createNodeApiKey } from '../prisma/queries/node-api-key.js';
import { createNodeInvite } from '../prisma/queries/node-invite.js';
import { startTestHive, type TestHive } from './harness/http-api.js';
import { listen } from './harness/listen.js';
import { runHive } from './harness/processes.js';
import { until } from './harness/until.js';

let hive: TestHive;
let gateway: Gateway;
let server: ReturnType<typeof createHttpServer>;
let url: string;
let directory: string;
let agent: AgentProcesses;
const running: RunningAgent[] = [];

beforeAll(async () => {
  hive = await startTestHive();
  const backfills = { concurrency: 10, drain: () => Promise.resolve(), start: () => Promise.resolve(true) };
  const { database, logger } = hive;
  gateway = new Gateway({ database, logger, queue: 'gateway-test', instanceId: 'test', backfills });
  server = createHttpServer(hive.app);
  gateway.attach(server);
  url = await listen(server);
});
afterAll(async () => {
  await gateway.stop();
  server.closeAllConnections();
  server.close();
  await hive.close();
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-agent-join-'));
  agent = machine('first');
});
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
});

/** A machine whose environment names no hive. */
function machine(name: string, variables: NodeJS.ProcessEnv = {}): AgentProcesses {
  const unset = { HIVE_URL: undefined, NODE_API_KEY: undefined };
  return new AgentProcesses(join(directory, name), { ...unset, NODE_NAME: name, ...variables });
}

const configOf = ({ dataDir }: AgentProcesses) => join(dataDir, 'node-agent.json');
const stored = (of = agent) => JSON.parse(readFileSync(configOf(of), 'utf8')) as StoredConfig;
const newKey = async () =>
  (await createNodeApiKey(hive.database, { organizationId: hive.own.id, name: 'test' })).secret;
const newToken = async () => {
  const scope = forOrganization(hive.database, hive.own.id);
  return (await createNodeInvite(scope, { createdBy: randomUUID(), ttlSeconds: 3600 })).token;
};

function keyFile(key: string): string {
  const file = join(directory, randomUUID());
  writeFileSync(file, `${key}\n`);
  return file;
}

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. Not synchronously: the hive is in this process. */
async function run(of: AgentProcesses, args: string[], launcher: string[] = []): Promise<Ended> {
  const child = of.start(args, { launcher });
  const status = await child.ended;
  return { status, stdout: child.stdout, stderr: child.stderr };
}

const joinHive = (of: AgentProcesses, ...options: string[]) => run(of, ['join', url, ...options]);

async function connect(of = agent): Promise<RunningAgent> {
  const connection = of.start(['connect']);
  running.push(connection);
  await connection.printed('connected to the hive');
  return connection;
}

async function isOnline(name: string): Promise<boolean> {
  const nodes = (await hive.get('/v1/nodes')).body as { name: string; status: string }[];
  return nodes.some((node) => node.name === name && node.status === 'online');
}

test('an invited machine stores its own key for its user alone, says what is next, and connects without environment', async () => {
  const token = await newToken();
  const joined = await run(agent, ['join', `${url}/`, '--invite', token]);
  expect(joined).toMatchObject({ status: 0, stderr: '' });
  expect(joined.stdout).toContain(`joined         ${url}`);
  expect(joined.stdout).toMatch(/next +node-agent service install/);
  const { api_key: key, ...others } = stored();
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(others).toEqual({ hive_url: url, data_dir: agent.dataDir });
  expect(statSync(configOf(agent)).mode & 0o777).toBe(0o600);
  for (const secret of [token, key ?? '']) expect(joined.stdout).not.toContain(secret);
  await connect();
  expect(await isOnline('first')).toBe(true);
});

test('hive node invite prints the token alone, and beside it what to type on the machine', async () => {
  const access = ['--url', url, '--token', hive.own.admin];
  const invited = await runHive(['node', 'invite', ...access], { HIVE_DATA_DIR: directory });
  const token = invited.stdout.trim();
  expect(token).toMatch(/^join_[\w-]{43}$/);
  expect(invited.stderr).toContain(`node-agent join ${url} --invite ${token}\n`);
  expect((await joinHive(agent, '--invite', token)).status).toBe(0);
  const listed = await runHive(['node', 'invites', ...access, '--json'], { HIVE_DATA_DIR: directory });
  const [line = ''] = listed.stdout.split('\n');
  const newest = JSON.parse(line) as { id: string; status: string; token_prefix: string };
  expect(newest).toMatchObject({ status: 'used', token_prefix: token.slice(0, 13) });
  expect(listed.stdout).not.toContain(token);
  const withdrawn = await runHive(['node', 'withdraw', newest.id, ...access], { HIVE_DATA_DIR: directory });
  expect(withdrawn).toMatchObject({ status: 0, stdout: `withdrew ${newest.id}\n` });
  const asViewer = ['--url', url, '--token', hive.own.viewer];
  expect((await runHive(['node', 'invite', ...asViewer], { HIVE_DATA_DIR: directory })).status).toBe(1);
});

test('a key comes from a file, from standard input, or from the environment', async () => {
  const key = await newKey();
  expect((await joinHive(agent, '--key-file', keyFile(key), '--name', 'named')).status).toBe(0);
  expect(stored()).toMatchObject({ api_key: key, name: 'named' });
  const piped = await run(agent, ['join', url, '--key-file', '-'], ['sh', '-c', `exec "$0" "$@" <${keyFile(key)}`]);
  expect(piped.status).toBe(0);
  const other = machine('second', { NODE_API_KEY: await newKey() });
  const joined = await joinHive(other);
  expect(joined).toMatchObject({ status: 0, stdout: expect.stringContaining('unset it where it is set') as unknown });
  expect(stored(other).api_key).toBe(other.env['NODE_API_KEY']);
});

test('what the hive refuses is not stored, and what was stored stays', async () => {
  const first = await newKey();
  await joinHive(agent, '--key-file', keyFile(first));
  const token = await newToken();
  expect((await joinHive(machine('other'), '--invite', token)).status).toBe(0);
  const attempts: [string[], RegExp][] = [
    [['--key-file', keyFile('0'.repeat(64))], /answers 401: the credential is not valid/],
    [['--key-file', keyFile('two words')], /--key-file: contains no key/],
    [['--key-file', '/nowhere'], /--key-file: cannot be read: ENOENT/],
    [['--invite', token], /answers 401: the invitation has been used/],
    [['--invite', 'nonsense'], /answers 401: the invitation is not valid/],
  ];
  for (const [options, reason] of attempts) {
    const refused = await joinHive(agent, ...options);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(reason);
    expect(stored().api_key).toBe(first);
  }
  const key = await newKey();
  await joinHive(machine('bound', { NODE_API_KEY: key }));
  expect((await joinHive(agent, '--key-file', keyFile(key))).stderr).toContain(
    'belongs to another store of this machine',
  );
  expect(stored().api_key).toBe(first);
});

test('a hive that does not answer, or is none, ends in one sentence', async () => {
  const shop = createServer((_request, response) => response.end('<html>welcome</html>'));
  const shopUrl = await listen(shop);
  for (const option of [
    ['--key-file', keyFile('0'.repeat(64))],
    ['--invite', 'x'],
  ]) {
    const away = await run(agent, ['join', 'http://127.0.0.1:1', ...option]);
    expect(away).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^node-agent: the hive at .* does not answer/) as unknown,
    });
    const { status, stderr } = await run(agent, ['join', shopUrl, ...option]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^node-agent: the hive at http.* answers 200.*\n$/);
  }
  expect((await run(agent, ['join', 'hive.example.com', '--invite', 'x'])).stderr).toMatch(
    /allowed: a URL that starts/,
  );
  const nothing = await joinHive(agent);
  expect(nothing).toMatchObject({ status: 2, stderr: expect.stringContaining('hive node invite') as unknown });
  expect((await joinHive(agent, '--invite', 'x', '--key-file', 'y')).status).toBe(2);
  shop.close();
});

test('variables of other programs keep neither a joined node nor a command from working, and get no key', async () => {
  await joinHive(agent, '--invite', await newToken());
  const others = { HIVE_URL: 'thrift://metastore:10000', HIVE_PORT: 'tcp://10.0.0.1:3000', LOG_LEVEL: 'VERBOSE' };
  const busy = machine('first', others);
  const connection = await connect(busy);
  expect(connection.stderr).toContain('HIVE_URL is ignored');
  expect(connection.stderr).toContain('LOG_LEVEL is ignored');
  const recorded = await run(busy, ['run', '--', 'env']);
  expect(recorded.status).toBe(0);
  expect(recorded.stdout).toContain('HIVE_URL=thrift://metastore:10000');
  expect(recorded.stdout).not.toContain(stored().api_key);
});

test('joining again while connect runs does not end its connection', async () => {
  await joinHive(agent, '--invite', await newToken());
  const connection = await connect();
  const again = await joinHive(agent, '--key-file', keyFile(stored().api_key ?? ''));
  expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('restart') as unknown });
  expect(connection.stderr).not.toContain('taken over');
  expect(await isOnline('first')).toBe(true);
});

test('a connect that a test started with the inherited key is refused and told why, and the good node stays', async () => {
  const key = await newKey();
  const good = machine('good', { NODE_API_KEY: key, HIVE_URL: url });
  const connection = await connect(good);
  const second = machine('of the test', { NODE_API_KEY: key, HIVE_URL: url });
  for (let tries = 0; tries < 5; tries++) {
    const inherited = second.start(['connect']);
    running.push(inherited);
    await inherited.printed('belongs to another store of this machine');
    inherited.child.kill('SIGKILL');
    await inherited.ended;
  }
  await until(() => isOnline('good'), 60_000, 'the good node is online');
  expect(connection.child.exitCode).toBeNull();
  expect((await hive.get('/v1/nodes', key)).status).toBe(200); // the key is not blocked
});
