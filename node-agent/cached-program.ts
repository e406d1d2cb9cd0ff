/**
 * The bundled program of `run`, with what V8 made of it when it was built: its functions are not compiled again at each
 * start. V8 itself refuses a cache of another version of it, or for other options; then it compiles as ever.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const PROGRAM = fileURLToPath(new URL('./run-program.js', import.meta.url));
/** Named by Node's version as well, because V8 looks at its own version only. */
export const CACHE = `${PROGRAM}.${process.version}-${process.arch}.cache`;

type CommonJs = (exports: object, require: NodeJS.Require, module: object, file: string, folder: string) => void;

export function compile(): Script {
  const source = readFileSync(PROGRAM, 'latin1'); // esbuild writes ASCII
  return new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename: PROGRAM,
    cachedData: readCache(),
  });
}

/** Runs it as Node runs a CommonJS module. */
export function start(script: Script): void {
  const module = { exports: {} };
  const run = script.runInThisContext() as CommonJs;
  run(module.exports, createRequire(PROGRAM), module, PROGRAM, dirname(PROGRAM));
}

function readCache(): Buffer | undefined {
  try {
    return readFileSync(CACHE);
  } catch {
    return undefined; // built by another version of Node
  }
}
