/** Why a store cannot be used: which file, what happened, and what to do. */
import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { codeOf, messageOf, NodeAgentError } from '../errors.js';
import { DATABASE_FILE } from './store-files.js';

const ELSEWHERE = 'or let NODE_DATA_DIR name another directory';

/** @param file what was refused */
type Explain = (file: string) => string;

const notAllowed: Explain = (file) =>
  `this user may not read or write ${file}: run it as the owner, change the owner, ${ELSEWHERE}`;
const isDirectory: Explain = (file) => `${file} is a directory, and a file is needed there: move it away, ${ELSEWHERE}`;
const diskFull: Explain = (file) => `the disk of ${file} is full: make room there, ${ELSEWHERE}`;
const diskFails: Explain = (file) =>
  `the disk does not read or write ${file}: is it full or unplugged, or does the network to it fail? The system's log says more`;

/** By the beginning of the failure's code. */
const EXPLANATIONS: readonly (readonly [code: string, explain: Explain])[] = [
  ['ENOTDIR', (file) => `${firstFile(file)} is not a directory: move it away, ${ELSEWHERE}`],
  ['EISDIR', isDirectory],
  ['ENOENT', (file) => `${file} cannot be made or is gone: let NODE_DATA_DIR name another directory`],
  ['EACCES', notAllowed],
  ['EPERM', notAllowed],
  ['SQLITE_PERM', notAllowed],
  ['EROFS', (file) => `the file system of ${file} is read-only: let NODE_DATA_DIR name another directory`],
  ['SQLITE_READONLY', (file) => `${file} cannot be written: is its owner another user, or its file system read-only?`],
  ['ENOSPC', diskFull],
  ['EDQUOT', diskFull],
  ['SQLITE_FULL', diskFull],
  ['EIO', diskFails],
  ['SQLITE_IOERR', diskFails],
  [
    'SQLITE_CANTOPEN',
    (file) =>
      statSync(file, { throwIfNoEntry: false })?.isDirectory()
        ? isDirectory(file)
        : `${file} cannot be opened: may this user write there, and is the limit of open files (ulimit -n) high enough?`,
  ],
  ['EMFILE', () => 'too many files are open: raise the limit (ulimit -n)'],
  ['ENFILE', () => 'the system has too many open files: end other programs'],
  ['SQLITE_BUSY', (file) => `another process keeps ${file} locked: try again when it is done`],
  ['SQLITE_LOCKED', (file) => `another process keeps ${file} locked: try again when it is done`],
];

/** @returns what to tell a person: a sentence that was made for them is kept */
export function storeTrouble(error: unknown, dataDir: string): NodeAgentError {
  if (error instanceof NodeAgentError && error.code !== 'damaged') return error;
  const code = codeOf(error);
  const file = pathOf(error) ?? join(dataDir, DATABASE_FILE);
  const explain = EXPLANATIONS.find(([start]) => code.startsWith(start))?.[1];
  const why = explain ? `${explain(file)} (${code})` : messageOf(error);
  return new NodeAgentError('store', `cannot use the store in ${dataDir}: ${why}`, { cause: error });
}

/** @returns whether a failure is one of the store's files, and not, for example, of what is printed */
export function isStoreTrouble(error: unknown, dataDir: string): boolean {
  if (error instanceof NodeAgentError) return false;
  return codeOf(error).startsWith('SQLITE_') || (pathOf(error)?.startsWith(dataDir) ?? false);
}

function pathOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('path' in error)) return undefined;
  return typeof error.path === 'string' ? error.path : undefined;
}

/** @returns what on the way to `path` is not a directory; `path` if that cannot be found */
function firstFile(path: string): string {
  for (let above = resolve(path); ; above = dirname(above)) {
    try {
      return statSync(above).isDirectory() ? path : above;
    } catch {
      if (above === dirname(above)) return path;
    }
  }
}
