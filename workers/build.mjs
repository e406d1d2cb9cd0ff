/**
 * `npm run build`: builds into a folder of its own and then makes `dist` a link to it, by one rename. A process that
 * runs keeps the folder that it was started from, with all that it has not loaded yet.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BUILDS, linkBuild, removeUnusedBuilds } from './builds.mjs';

const ROOT = dirname(import.meta.dirname);

/** Builds the program and puts it in place. What fails leaves `dist` as it was. */
export function build() {
  const builds = join(ROOT, BUILDS);
  mkdirSync(builds, { recursive: true });
  const folder = mkdtempSync(join(builds, 'build-'));
  chmodSync(folder, 0o755); // a hive may run as another user
  openSync(folder, 'r'); // kept open, so that no other build takes it for an unused one
  try {
    run(binOf('prisma', 'prisma'), 'generate');
    run(binOf('typescript', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', folder);
    run(join(folder, 'workers', 'bundle-workflows.js'));
    run(join(ROOT, 'node-agent', 'build.mjs'), join(folder, 'node-agent', 'bundle'));
    run(join(ROOT, 'console', 'build.mjs'), join(folder, 'console'));
    makeCommandsExecutable(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  linkBuild(join(ROOT, 'dist'), folder);
  removeUnusedBuilds(ROOT);
}

/** npm does so only when it links them. */
function makeCommandsExecutable(folder) {
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const files = Object.values(bin).map((path) => join(folder, path.replace(/^dist\//, '')));
  for (const file of files.filter((path) => existsSync(path))) chmodSync(file, 0o755);
}

function run(script, ...args) {
  execFileSync(process.execPath, [script, ...args], { cwd: ROOT, stdio: 'inherit' });
}

function binOf(name, command) {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return join(dirname(file), createRequire(import.meta.url)(file).bin[command]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    build();
  } catch (error) {
    if (error.status === undefined) throw error; // otherwise the command has said what is wrong
    process.exit(error.status ?? 1);
  }
}
