/**
 * For the build only: `warm-run.js run -- COMMAND` runs the bundled program once, and keeps what V8 has compiled for it
 * until its end.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type koffi from 'koffi';
import { CACHE, compile, start } from './cached-program.js';
import { koffiPath } from './process/libc.js';

const script = compile();
process.on('exit', () => writeFileSync(CACHE, script.createCachedData()));
endByNode();
start(script);

/** Has `run` end by Node's own way out, and not by the C library's, which tells nobody. */
function endByNode(): void {
  const require = createRequire(import.meta.url);
  const path = koffiPath(require);
  const ffi = require(path) as typeof koffi;
  const loaded = require.cache[path];
  if (!loaded) return;
  const load = (path: string | null) => {
    const library = ffi.load(path);
    const func = (declaration: string): unknown =>
      declaration.includes(' _exit(') ? (status: number) => process.exit(status) : library.func(declaration);
    return { func };
  };
  loaded.exports = { ...ffi, load };
}
