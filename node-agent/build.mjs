/**
 * `node node-agent/build.mjs FOLDER`: bundles the node's own package into the folder, one file for each process or
 * thread, with all packages but the two native ones. CommonJS, because Node starts it some 10 ms faster than ES modules.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const SOURCES = import.meta.dirname;
const ROOT = join(SOURCES, '..');
const { version, dependencies } = JSON.parse(readFileSync(join(SOURCES, 'package.json'), 'utf8'));

/** What is loaded only where it is asked for: inside the others it would be read at each start. */
const ON_DEMAND = 'masking/secret-patterns.ts';
/** What is started as a process or thread, by its place among the sources. All stand in one folder. */
const ENTRIES = ['run.ts', 'cli.ts', 'recorder/absorb-thread.ts', 'recorder/absorb-process.ts', ON_DEMAND];

/** @param folder absolute; its former content is removed */
export async function bundle(folder) {
  rmSync(folder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES.map((entry) => join(SOURCES, entry)),
    outdir: folder,
    entryNames: '[name]',
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    // ws takes them where they are installed, and does without them
    external: [...Object.keys(dependencies), '*/secret-patterns.js', 'bufferutil', 'utf-8-validate'],
    banner: { js: "const sourceUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'sourceUrl', BUNDLED_VERSION: JSON.stringify(version) },
    legalComments: 'none', // all licences are in a file beside
    metafile: true,
    logLevel: 'warning',
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
  writeFileSync(join(folder, 'LICENSES.txt'), licences(Object.keys(metafile.inputs)));
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
