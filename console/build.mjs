/**
 * Builds the console into a folder, and compresses its files in advance: `node console/build.mjs FOLDER`. `npm run build`
 * does it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

/** Longer than this is worth a word. */
const LONG_MS = 5000;
const COMPRESSED = new Set(['.html', '.js', '.css', '.svg']);

const [, , folder] = process.argv;
if (folder === undefined) throw new Error('node console/build.mjs FOLDER');
const started = performance.now();
await build({
  configFile: join(import.meta.dirname, 'vite.config.ts'),
  build: { outDir: folder, emptyOutDir: true },
  logLevel: 'warn',
});
for (const file of filesBelow(folder).filter((path) => COMPRESSED.has(extname(path)))) compress(file);
const ms = performance.now() - started;
if (ms > LONG_MS) console.log(`the console was built in ${(ms / 1000).toFixed(1)} s`);

/** As small as it gets, because it is done once. A file that does not get smaller is sent as it is. */
function compress(file) {
  const content = readFileSync(file);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.byteLength,
  };
  const forms = { '.br': brotliCompressSync(content, { params }), '.gz': gzipSync(content, { level: 9 }) };
  for (const [suffix, compressed] of Object.entries(forms)) {
    if (compressed.byteLength < content.byteLength) writeFileSync(file + suffix, compressed);
  }
}

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
