/** `node api/client/build.mjs FOLDER`: compiles the client's own package into the folder, with its types. */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const SOURCES = import.meta.dirname;

/** @param folder absolute; its former content is removed */
export function buildClient(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
    types: [],
    strict: true,
    declaration: true,
    skipLibCheck: true,
    outDir: folder,
    rootDir: SOURCES,
  };
  const program = ts.createProgram([join(SOURCES, 'client.ts')], options);
  const faults = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  if (faults.length > 0) {
    const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => SOURCES, getNewLine: () => '\n' };
    throw new Error(ts.formatDiagnostics(faults, host));
  }
  cpSync(join(SOURCES, 'openapi.d.ts'), join(folder, 'openapi.d.ts'));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , folder] = process.argv;
  if (folder === undefined) throw new Error('usage: node api/client/build.mjs FOLDER');
  buildClient(resolve(folder));
}
