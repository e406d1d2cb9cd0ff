/** The `hive` commands that read, as somebody on another machine runs them: with a URL and a token, and nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { projectRoot } from '../workers/project-root.js';
import { runHive } from './harness/processes.js';
import { until } from './harness/until.js';
import { World } from './harness/world.js';

const TITLE = 'a title \u001b]0;owned\u0007\u202egnp.exe 日本語';
let world: World;
let env: Record<string, string>;
let failed: string;
let long: string;

beforeAll(async () => {
  world = await World.create();
  const hive = await world.startHive();
  env = { HIVE_URL: hive.url, HIVE_TOKEN: await world.adminToken(), HIVE_DATA_DIR: '/nowhere' };
  const agent = world.newAgent('build-7');
  const script = 'echo needle in haystack; printf "\\033[31mred\\033[0m\\n"; echo "to stderr" >&2; exit 3';
  failed = (await agent.record(['sh', '-c', script], ['--title', TITLE])).attemptId;
  long = (await agent.record(['seq', '1', '20000'])).attemptId;
  agent.connect(hive.url, await world.newKey());
  const isComplete = async () => (await lines('attempts', '--state', 'complete', '--json')).length === 2;
  await until(isComplete, 60_000, 'both attempts are complete');
});
afterAll(() => world.stop());

async function lines(...args: string[]): Promise<string[]> {
  const { stdout } = await runHive(args, env);
  return stdout.split('\n').filter((line) => line !== '');
}

test('attempts are listed and filtered; a title commands no terminal', async () => {
  const [heading, ...rows] = await lines('attempts');
  expect(heading).toMatch(/^ATTEMPT +STATUS +AGE +NODE +EXECUTOR +LINES {2}TITLE OR COMMAND$/);
  expect(rows).toHaveLength(2);
  expect(await lines('attempts', '--status', 'failed', '--node', 'build-7', '--since', '1h')).toEqual([
    expect.anything(),
    expect.stringMatching(
      new RegExp(`^${failed}  failed 3 .*a title \\\\u001b\\]0;owned\\\\u0007\\\\u202egnp.exe 日本語$`),
    ),
  ]);
  expect(await runHive(['attempts', '--node', 'nowhere'], env)).toMatchObject({
    status: 1,
    stderr: 'hive: there is no node nowhere; hive nodes lists them\n',
  });
});

test('a log is read from its start, from its end, by stream; colours go in a pipe; the status is the attempt’s', async () => {
  const id = failed.slice(0, 13);
  const log = await lines('logs', id);
  expect([...log].sort()).toEqual(['needle in haystack', 'red', 'to stderr']);
  expect(await lines('logs', id, '--stderr')).toEqual(['to stderr']);
  expect(await lines('logs', id, '--color')).toContain('\u001b[31mred\u001b[0m\u001b[0m');
  expect(await runHive(['logs', id, '--exit-status', '--tail', '0'], env)).toEqual({
    status: 3,
    stdout: '',
    stderr: '',
  });
  expect(await lines('logs', long)).toEqual(Array.from({ length: 20_000 }, (_, line) => String(line + 1)));
  expect(await lines('logs', long, '-f', '--tail', '3')).toEqual(['19998', '19999', '20000']);
  expect(await lines('logs', long, '--since', '2099-01-01')).toEqual([]);
  expect((await lines('logs', long, '--since', '1h')).length).toBe(20_000);
});

test('a text is found in an attempt and in all; as of grep, nothing found is 1', async () => {
  expect(await lines('search', 'edle', failed)).toEqual([
    expect.stringMatching(/^[0-9a-f-]{36}:\d:needle in haystack$/),
  ]);
  expect(await lines('search', '1999.', long, '-E')).toHaveLength(10);
  expect((await lines('search', 'NEEDLE', '-i')).join('\n')).toMatch(new RegExp(`^${failed}  1 line  failed 3`));
  const nothing = await runHive(['search', 'eedl'], env);
  expect(nothing).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringContaining('--text looks inside of words'),
  });
  expect((await lines('search', 'eedl', '--text', '--json')).map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { attempt: { id: failed }, matches: 1 },
  ]);
});

test('an execution is named by the beginning of its id; what cannot be meant is refused', async () => {
  const [shown = ''] = await lines('show', failed, '--json');
  const [{ id }] = (JSON.parse(shown) as { executions: [{ id: string }] }).executions;
  expect(await lines('logs', failed, '--execution', id.slice(0, 6), '--stderr')).toEqual(['to stderr']);
  expect(await lines('search', 'red', failed, '--execution', id.slice(0, 9))).toHaveLength(1);
  const none = id.startsWith('ffff') ? 'eeee' : 'ffff';
  expect(await runHive(['logs', failed, '--execution', none], env)).toMatchObject({
    status: 1,
    stderr: `hive: the attempt has no execution with an id that begins with ${none}; hive show lists them\n`,
  });
  expect((await runHive(['logs', failed, '--execution', 'x'], env)).stderr).toContain(
    'It must be the id of an execution, or at least the first 4 characters of one.',
  );
  expect(await runHive(['search', 'red', failed, '--status', 'running'], env)).toMatchObject({
    status: 2,
    stderr: 'hive: --status chooses attempts: leave it out, or the attempt\n',
  });
}, 60_000);

test('show, nodes, backfills and status tell what there is', async () => {
  expect((await runHive(['show', failed], env)).stdout).toMatch(
    /status +failed 3\n(.|\n)*The hive has every line\.\n$/,
  );
  expect((await lines('nodes')).join('\n')).toMatch(/online +\S+ +linux|darwin .*build-7/);
  // Temporal lists a backfill, and its end, some time after it
  const isListed = async () => (await lines('backfills', '--attempt', failed))[1]?.includes('complete') === true;
  await until(isListed, 60_000, 'the backfill is listed as complete');
  const [status = ''] = await lines('status', '--json');
  expect(JSON.parse(status)).toMatchObject({ ready: true, nodes: { online: 1 }, attempts: { total: 2 } });
});

test('the console’s link signs a browser in once', async () => {
  const [link = '', ...others] = await lines('console');
  expect([link, others]).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/sign-in#link=link_/), []]);
  const page = await fetch(link);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<div id="console">')]);
  const signIn = () =>
    fetch(new URL('/v1/session', link), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ link: link.split('=')[1] }),
    });
  const first = await signIn();
  expect(first.status).toBe(204);
  const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
  const attempts = await fetch(new URL('/v1/swarm/attempts', link), { headers: { cookie } });
  expect(await attempts.json()).toMatchObject({
    attempts: expect.arrayContaining([expect.objectContaining({ id: failed })]),
  });
  expect((await signIn()).status).toBe(401);
});

test('a login is remembered, tried first, and forgotten', async () => {
  const own = { XDG_CONFIG_HOME: join(world.directory, 'config'), HIVE_DATA_DIR: '/nowhere' };
  await mkdir(own.XDG_CONFIG_HOME);
  const login = async (token: string) => {
    const child = spawn(
      process.execPath,
      [
        join(projectRoot(), 'dist/workers/hive.js'),
        'login',
        env['HIVE_URL'] ?? '',
        '--token-stdin',
        '--profile',
        'here',
      ],
      { env: own, stdio: ['pipe', 'ignore', 'ignore'] },
    );
    child.stdin.end(`${token}\n`);
    const [status] = (await once(child, 'exit')) as [number];
    return status;
  };
  expect(await login('wrong')).toBe(1);
  expect((await runHive(['attempts'], own)).status).toBe(2);
  expect(await login(await world.adminToken())).toBe(0);
  expect((await runHive(['attempts', '--json'], own)).stdout.split('\n')).toHaveLength(3);
  expect((await runHive(['logout'], own)).stdout).toBe('forgot here\n');
  expect((await runHive(['attempts'], own)).stderr).toMatch(/which hive\? .*run hive login URL/);
});

test('what a shell completes are commands, options, values and ids', async () => {
  expect(await lines('complete', '--', 'lo')).toEqual(expect.arrayContaining([expect.stringMatching(/^logs\t/)]));
  expect(await lines('complete', '--', 'logs', '--ex')).toEqual(
    expect.arrayContaining([expect.stringMatching(/^--exit-status\t/)]),
  );
  expect(await lines('complete', '--', 'logs', failed.slice(0, 4))).toContainEqual(
    expect.stringContaining(`${failed}\tfailed`),
  );
  expect((await runHive(['completion', 'bash'], env)).stdout).toContain('hive complete --');
});

test('a reader that goes away, a wrong token and a wrong id are no crash', async () => {
  const child = spawn(
    'sh',
    ['-c', `"$0" "$1" logs ${long} | head -1`, process.execPath, join(projectRoot(), 'dist/workers/hive.js')],
    {
      env: { PATH: process.env['PATH'], ...env },
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += String(data)));
  await once(child, 'close');
  expect(said).toBe('1\n');
  expect((await runHive(['nodes'], { ...env, HIVE_TOKEN: 'wrong' })).stderr).toMatch(/the token is from HIVE_TOKEN\n$/);
  expect((await runHive(['logs', 'ffff'], env)).stderr).toMatch(/no attempt has an id that begins with ffff/);
});
