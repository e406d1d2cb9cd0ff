/**
 * What npm runs after `npm ci` and before `npm pack`. npx, too, runs it in a checkout, once and without a word: then
 * nothing is built that is there already.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { replaceLinkByCopy } from './builds.mjs';

const DIST = join(dirname(import.meta.dirname), 'dist');
const command = process.env['npm_command'];

if (command !== 'exec' || !existsSync(join(DIST, 'workers', 'hive.js'))) await prepare();

async function prepare() {
  try {
    // TypeScript may be there as another package's peer
    for (const name of ['typescript', 'esbuild', 'vite/package.json', 'preact']) {
      createRequire(import.meta.url).resolve(name);
    }
  } catch {
    // no failure: an image may copy what another machine has built
    console.error(
      'hivesync was not built, because that needs the development dependencies. Run `npm ci && npm prune --omit=dev`, ' +
        'or copy dist/ and prisma/generated/ from a machine that has built it.',
    );
    return;
  }
  const { build } = await import('./build.mjs');
  try {
    build();
  } catch (error) {
    if (error.status === undefined) throw error; // otherwise the command has said what is wrong
    process.exit(error.status ?? 1);
  }
  if (command === 'pack' || command === 'publish') replaceLinkByCopy(DIST);
}
