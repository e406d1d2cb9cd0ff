/** What npm does with a checkout while a hive runs from it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { projectRoot } from '../workers/project-root.js';

const run = promisify(execFile);
const SCRIPTS = ['prepare', 'postpack', 'builds', 'build'].map((name) => `workers/${name}.mjs`);
/** Keeps running, and loads another file of its build when it is told to. */
const PROGRAM = `
  import { openSync } from 'node:fs';
  openSync(import.meta.dirname, 'r');
  process.stdout.write('started\\n');
  process.stdin.once('data', async () => process.stdout.write((await import('./later.js')).build, () => process.exit()));`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hivesync-prepare-'));
  await mkdir(join(folder, 'workers'));
  for (const file of SCRIPTS) await cp(join(projectRoot(), file), join(folder, file));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function writePackage(): Promise<void> {
  const { name, version, bin, scripts } = JSON.parse(await readFile(join(projectRoot(), 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    bin: Record<string, string>;
    scripts: Record<string, string>;
  };
  const { prepare, postpack } = scripts;
  const files = ['dist'];
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({
      name,
      version,
      type: 'module',
      bin: { hive: bin['hive'] },
      files,
      scripts: { prepare, postpack },
    }),
  );
}

/** Puts a build in place as `npm run build` does. */
async function place(name: string, script = PROGRAM): Promise<void> {
  const build = join(folder, '.builds', name);
  await mkdir(join(build, 'workers'), { recursive: true });
  await writeFile(join(build, 'workers', 'hive.js'), `#!/usr/bin/env node\n${script}`, { mode: 0o755 });
  await writeFile(join(build, 'workers', 'later.js'), `export const build = ${JSON.stringify(name)};`);
  const code = `import { linkBuild, removeUnusedBuilds } from '${join(folder, 'workers/builds.mjs')}';
    linkBuild('${join(folder, 'dist')}', '${build}'); removeUnusedBuilds('${folder}');`;
  await run(process.execPath, ['--input-type=module', '-e', code]);
}

test('an installation without development dependencies says how to get what they would have built', async () => {
  await writePackage();
  const { stderr } = await run('npm', ['run', 'prepare'], { cwd: folder });
  expect(stderr).toContain('npm ci && npm prune --omit=dev');
});

test('what runs loads the rest of its own build, however often the program is built meanwhile', async () => {
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await place('first');
  const running = spawn(process.execPath, [join(folder, 'dist/workers/hive.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(running.stdout, 'data');
  for (const name of ['second', 'third', 'fourth']) await place(name);
  const kept = process.platform === 'linux' ? ['first', 'fourth', 'third'] : ['first', 'fourth', 'second', 'third'];
  expect((await readdir(join(folder, '.builds'))).sort()).toEqual(kept);
  const printed = once(running.stdout, 'data');
  running.stdin.end('go\n');
  expect(String(await printed)).toBe('first');
  expect(await readlink(join(folder, 'dist'))).toBe('.builds/fourth');
});

test('npx in a checkout builds nothing', async () => {
  await writePackage();
  await place('only', "process.stdout.write('it is ' + process.argv[2])");
  // a marker that a build would need, and does not find: the copy has no TypeScript
  const env = { ...process.env, npm_config_cache: join(folder, 'cache'), npm_config_offline: 'true' };
  const { stdout, stderr } = await run('npx', ['--loglevel=error', '--foreground-scripts', 'hive', 'here'], {
    cwd: folder,
    env,
  });
  expect({ stdout, stderr }).toEqual({ stdout: expect.stringMatching(/it is here$/), stderr: '' });
  expect(await readlink(join(folder, 'dist'))).toBe('.builds/only');
});

test('a package contains what was built, and the link is there again afterwards', async () => {
  await writePackage();
  await place('only');
  const code = `import { replaceLinkByCopy } from '${join(folder, 'workers/builds.mjs')}'; replaceLinkByCopy('${join(folder, 'dist')}');`;
  await run(process.execPath, ['--input-type=module', '-e', code]);
  const { stdout } = await run('npm', ['pack', '--json', '--dry-run', '--offline'], { cwd: folder });
  expect(stdout).toContain('dist/workers/hive.js');
  expect(await readlink(join(folder, 'dist'))).toBe('.builds/only');
});
