/** What users install: each package's tarball, installed alone, with a home of its own. */
import { execFileSync, fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { projectRoot } from '../workers/project-root.js';
import { createEmptyDatabase } from './harness/database.js';
import { testServices } from './harness/services.js';
import { until } from './harness/until.js';

const ROOT = projectRoot();
const MEGABYTE = 1024 * 1024;

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** npm with its own configuration and cache, whatever HOME is. */
function npm(cwd: string, args: string[], env: NodeJS.ProcessEnv = {}): string {
  return execFileSync('npm', args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Packs a copy of a package, as it is after its build. @returns the tarball's path */
function pack(directory: string, from: string, files: Record<string, string>): string {
  const copy = join(directory, 'copy');
  for (const [name, source] of Object.entries(files)) {
    cpSync(resolve(from, source), join(copy, name), { recursive: true, dereference: true });
  }
  const [packed] = JSON.parse(npm(copy, ['pack', '--ignore-scripts', '--json', '--pack-destination', directory])) as {
    filename: string;
  }[];
  rmSync(copy, { recursive: true });
  return join(directory, packed?.filename ?? '');
}

/** @returns the paths of all files below the folder */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('all packages have one version', () => {
  for (const folder of ['api/client', 'node-agent']) {
    expect(manifest(join(ROOT, folder)).version).toBe(manifest(ROOT).version);
  }
});

describe('the node’s package', () => {
  const directory = mkdtempSync(join(tmpdir(), 'node-agent-package-'));
  const modules = join(directory, 'prefix', 'lib', 'node_modules');
  const home = join(directory, 'home');

  beforeAll(() => {
    const tarball = pack(directory, ROOT, {
      ...Object.fromEntries(
        ['package.json', 'LICENSE', 'README.md', 'bin'].map((name) => [name, `node-agent/${name}`]),
      ),
      dist: 'dist/node-agent/bundle',
    });
    mkdirSync(home);
    const cache = npm(ROOT, ['config', 'get', 'cache']).trim();
    const install = [
      'install',
      '--global',
      '--prefix',
      join(directory, 'prefix'),
      '--ignore-scripts',
      '--prefer-offline',
    ];
    npm(directory, [...install, '--no-audit', '--no-fund', tarball], {
      HOME: home,
      npm_config_cache: cache,
      npm_config_userconfig: process.env['npm_config_userconfig'] ?? join(homedir(), '.npmrc'),
    });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function nodeAgent(...args: string[]) {
    const PATH = [join(directory, 'prefix', 'bin'), dirname(process.execPath), process.env['PATH']].join(delimiter);
    return spawnSync('node-agent', args, { env: { PATH, HOME: home }, cwd: home, encoding: 'utf8' });
  }

  test('installs without install scripts, in under 60 MB, and brings nothing of the hive', () => {
    const files = filesBelow(modules);
    expect(files.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan(60 * MEGABYTE);
    expect(files.filter((file) => /prisma|temporal|postgres/i.test(file))).toEqual([]);
  });

  test('records a command, and knows its version', () => {
    expect(nodeAgent('--version').stdout).toBe(`${manifest(ROOT).version}\n`);
    const { status, stdout, stderr } = nodeAgent('run', '--', 'sh', '-c', 'echo recorded; exit 3');
    expect({ status, stdout, stderr }).toEqual({
      status: 3,
      stdout: 'recorded\n',
      stderr: expect.stringMatching(/^node-agent: attempt [0-9a-f-]{36}\n$/),
    });
    const [, attemptId = ''] = /attempt (\S+)/.exec(stderr) ?? [];
    expect(nodeAgent('attempts').stdout).toContain(attemptId);
    expect(nodeAgent('logs', attemptId).stdout).toContain('recorded');
  });

  test('whose native module cannot be loaded says what to do, runs the command all the same, and keeps its output', () => {
    const natives = filesBelow(modules).filter((path) => path.includes('sqlite') && path.endsWith('.node'));
    const whole = natives.map((path) => readFileSync(path));
    for (const path of natives) writeFileSync(path, 'built for something else');
    const advice = /SQLite's native module cannot be loaded by Node .*: install node-agent again with this Node/;
    const run = nodeAgent('run', '--', 'sh', '-c', 'echo runs; exit 5');
    expect(run).toMatchObject({ status: 5, stdout: 'runs\n', stderr: expect.stringMatching(advice) });
    expect(run.stderr).toMatch(/; then the next node-agent adds the command's output to the store\n$/);
    const strict = nodeAgent('run', '--strict', '--', 'echo', 'runs');
    expect(strict).toMatchObject({ status: 125, stdout: '', stderr: expect.stringMatching(advice) });
    const { status, stderr } = nodeAgent('attempts');
    expect([status, stderr.split('\n').length]).toEqual([1, 2]);
    expect(stderr).toMatch(advice);
    natives.forEach((path, index) => writeFileSync(path, whole[index] ?? ''));
    const [, attemptId = ''] = /attempt (\S+)/.exec(run.stderr) ?? [];
    expect(nodeAgent('logs', attemptId).stdout).toContain('runs');
  });
});

describe('the client’s package', () => {
  const directory = mkdtempSync(join(tmpdir(), 'client-package-'));
  const modules = join(directory, 'node_modules');

  beforeAll(() => {
    const dist = join(directory, 'built');
    execFileSync(process.execPath, [join(ROOT, 'api', 'client', 'build.mjs'), dist]);
    const sources = ['package.json', 'LICENSE', 'README.md'].map((name) => [name, `api/client/${name}`] as const);
    const tarball = pack(directory, ROOT, Object.fromEntries([...sources, ['dist', dist] as const]));
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    const cache = npm(ROOT, ['config', 'get', 'cache']).trim();
    npm(directory, ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', tarball], {
      npm_config_cache: cache,
    });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('installs alone, with one dependency', () => {
    const { dependencies } = manifest(join(modules, '@hivesync', 'client'));
    expect(Object.keys(dependencies)).toEqual(['openapi-fetch']);
    const own = filesBelow(join(modules, '@hivesync', 'client')).map((file) => relative(modules, file));
    const names = ['LICENSE', 'README.md', 'dist/client.d.ts', 'dist/client.js', 'dist/openapi.d.ts', 'package.json'];
    expect(own.sort()).toEqual(names.map((name) => `@hivesync/client/${name}`));
  });

  test('types what a hive answers, and tells a hive that is not there', () => {
    const program = (path: string) => `
      import { bodyOf, createHiveClient, HiveUnreachableError } from '@hivesync/client';
      const hive = createHiveClient({ url: 'http://127.0.0.1:1', token: 'x' });
      try {
        const page = await bodyOf(hive.GET('${path}', { params: { query: { status: 'failed' } } }));
        const ids: string[] = page.attempts.map(({ id }) => id);
        console.log(ids);
      } catch (error) {
        console.log(error instanceof HiveUnreachableError);
      }`;
    writeFileSync(join(directory, 'right.ts'), program('/v1/swarm/attempts'));
    writeFileSync(join(directory, 'wrong.ts'), program('/v1/swarm/attempt'));
    const options = ['--strict', '--target', 'es2023', '--module', 'nodenext', '--lib', 'es2023,dom'];
    const check = (file: string) => {
      const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      return spawnSync(process.execPath, [tsc, ...options, file], { cwd: directory, encoding: 'utf8' });
    };
    expect(check('right.ts')).toMatchObject({ status: 0, stdout: '' });
    const run = spawnSync(process.execPath, ['right.js'], { cwd: directory, encoding: 'utf8' });
    expect(run).toMatchObject({ status: 0, stdout: 'true\n' });
    expect(check('wrong.ts').stdout).toContain('/v1/swarm/attempt');
  });
});

describe('the hive’s package', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hivesync-package-'));
  const installed = join(directory, 'prefix', 'lib', 'node_modules', 'hivesync');
  const program = join(installed, 'dist', 'workers', 'hive.js');
  let hive: ChildProcess | undefined;

  beforeAll(() => {
    const names = ['package.json', 'LICENSE', 'README.md', 'dist', 'prisma', 'prisma.config.ts'];
    const tarball = pack(directory, ROOT, Object.fromEntries(names.map((name) => [name, name])));
    mkdirSync(installed, { recursive: true });
    execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
    // its hundreds of megabytes are not installed once more; what it does not depend on is not there
    for (const name of Object.keys(manifest(installed).dependencies)) {
      const link = join(installed, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), link);
    }
  });
  afterAll(() => {
    hive?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });

  test('has a version, and neither tests nor source maps', () => {
    const { stdout } = spawnSync(process.execPath, [program, '--version'], { encoding: 'utf8', cwd: directory });
    expect(stdout).toBe(`${manifest(ROOT).version}\n`);
    const own = filesBelow(installed).map((file) => file.slice(installed.length + 1));
    expect(own.filter((file) => /^dist\/(tests|bench|node-agent)\/|\.map$|\.test\./.test(file))).toEqual([]);
  });

  test('starts: it has the migrations, the database client, the workflows and the console with it', async () => {
    const database = await createEmptyDatabase();
    try {
      hive = fork(program, ['start'], {
        cwd: directory,
        silent: true,
        env: {
          PATH: process.env['PATH'],
          HOME: directory,
          DATABASE_URL: database.url,
          TEMPORAL_ADDRESS: testServices().temporalAddress,
          HIVE_DATA_DIR: join(directory, 'data'),
          HIVE_PORT: '0',
        },
      });
      let said = '';
      for (const stream of [hive.stdout, hive.stderr]) stream?.on('data', (data: Buffer) => (said += data.toString()));
      const started = await Promise.race([once(hive, 'message'), once(hive, 'exit').then(() => [{ url: said }])]);
      const [{ url }] = started as [{ url: string }];
      expect(url).toMatch(/^http:/);
      // it looks at the database within a bound, which a busy machine may miss once
      await until(async () => (await fetch(`${url}/readyz`)).status === 200, 60_000, 'it is ready');
      const page = await fetch(`${url}/attempts`, { headers: { 'accept-encoding': 'br' } });
      expect(page.headers.get('content-encoding')).toBe('br');
      expect(await page.text()).toContain('<div id="console">');
      const exited = once(hive, 'exit');
      hive.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    } finally {
      hive?.kill('SIGKILL');
      await database.drop();
    }
  });
});
