/**
 * `node node-agent/build.mjs FOLDER`: bundles the node's own package into the folder, one file for each process or
 * thread, with all packages but the two native ones. CommonJS, because Node starts it some 10 ms faster than ES modules.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const SOURCES = import.meta.dirname;
const ROOT = join(SOURCES, '..');
const { version, dependencies } = JSON.parse(readFileSync(join(SOURCES, 'package.json'), 'utf8'));

/** What is loaded only where it is asked for: inside the others it would be read at each start. */
const ON_DEMAND = 'masking/secret-patterns.ts';
/** What is started as a process or thread, by its name in the folder. */
const ENTRIES = {
  run: 'start-run.ts',
  'run-program': 'run.ts',
  cli: 'cli.ts',
  'absorb-thread': 'recorder/absorb-thread.ts',
  'absorb-process': 'recorder/absorb-process.ts',
  'secret-patterns': ON_DEMAND,
  'warm-run': 'warm-run.ts',
};

/** Of these, Node starts without; each takes milliseconds to load. */
const LAZY = ['child_process', 'crypto', 'net', 'stream', 'tty', 'worker_threads', 'zlib'];

/** Has such a module loaded by the first use of what it exports. */
const lazyBuiltins = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(node:)?(${LAZY.join('|')})$`);
    onResolve({ filter }, ({ path, pluginData }) =>
      pluginData === 'itself'
        ? { path, external: true }
        : { path: path.replace(/^node:/, ''), namespace: 'lazy-builtin' },
    );
    onLoad({ filter: /./, namespace: 'lazy-builtin' }, async ({ path }) => {
      const names = Object.keys(await import(`node:${path}`)).filter((name) => name !== 'default');
      const getter = `Object.defineProperty(module.exports, name, { get: () => require('node:${path}')[name] });`;
      return { contents: `for (const name of ${JSON.stringify(names)}) ${getter}`, pluginData: 'itself' };
    });
  },
};

/** @param folder absolute; its former content is removed */
export async function bundle(folder) {
  rmSync(folder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(Object.entries(ENTRIES).map(([name, entry]) => [name, join(SOURCES, entry)])),
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    charset: 'ascii', // cached-program.ts counts on it
    supported: { 'dynamic-import': false }, // what is run from a code cache could not
    // ws takes them where they are installed, and does without them
    external: [...Object.keys(dependencies), '*/secret-patterns.js', 'bufferutil', 'utf-8-validate'],
    banner: { js: "const sourceUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'sourceUrl', BUNDLED_VERSION: JSON.stringify(version) },
    plugins: [lazyBuiltins],
    legalComments: 'none', // all licences are in a file beside
    metafile: true,
    logLevel: 'warning',
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
  writeFileSync(join(folder, 'LICENSES.txt'), licences(Object.keys(metafile.inputs)));
  cacheCode(folder);
}

/** Runs a command once, so that `run` need not compile at each start what every command needs. */
function cacheCode(folder) {
  const home = mkdtempSync(join(tmpdir(), 'hivesync-build-'));
  const warmRun = join(folder, 'warm-run.js');
  const env = { PATH: process.env.PATH, HOME: home, NODE_DATA_DIR: home };
  try {
    const command = ['sh', '-c', 'echo out; echo error >&2'];
    execFileSync(process.execPath, [warmRun, 'run', '--quiet', '--', ...command], { env, stdio: 'ignore' });
  } finally {
    rmSync(warmRun);
    rmSync(home, { recursive: true, force: true });
  }
}

/** @returns the licence of each package that these files are from */
function licences(files) {
  const packages = files.flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  const texts = [...new Set(packages)].sort().map((path) => {
    const folder = join(ROOT, path);
    const { name, version: packageVersion, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
    return `${name} ${packageVersion} (${license})\n\n${text}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , folder] = process.argv;
  if (folder === undefined) throw new Error('usage: node node-agent/build.mjs FOLDER');
  await bundle(resolve(folder));
}
