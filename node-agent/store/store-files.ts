/** The files of a store in its directory: which are its own, who may read them, and that git takes none of them. */
import { accessSync, chmodSync, closeSync, constants, openSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirectory } from './private-file.js';
import { RECORDERS_DIRECTORY } from './recorder-lock.js';

export const DATABASE_FILE = 'node.db';

const OWN_NAMES = [
  `${DATABASE_FILE}*`,
  `${RECORDERS_DIRECTORY}/`,
  'connect.lock*',
  'connection.json*',
  'machine-id*',
  'set-aside.lock*',
];

/**
 * Makes the directory, and keeps others from reading what is in it, whatever its modes were. A directory that contains
 * other files, too, keeps its mode and stays visible to git: only the store's own files are hidden and made private.
 * @param beforeNew called before a database file is made
 * @throws Error if the directory can't be made or read
 */
export function prepareDirectory(dataDir: string, beforeNew: () => void): void {
  ensureDirectory(dataDir);
  const entries = readdirSync(dataDir);
  checkKinds(dataDir, entries);
  const isAlone = entries.every((name) => name === '.gitignore' || isOwn(name));
  if (!entries.includes('.gitignore')) hideFromGit(dataDir, isAlone);
  if (isAlone) restrict(dataDir, 0o700);
  for (const name of entries.filter(isOwn)) restrict(join(dataDir, name), name === RECORDERS_DIRECTORY ? 0o700 : 0o600);
  if (entries.includes(DATABASE_FILE)) return;
  beforeNew();
  closeSync(openSync(join(dataDir, DATABASE_FILE), 'a', 0o600)); // SQLite would create it as the umask says
}

/**
 * Looks whether a store and what is recorded for it can be kept here, before a command is started. It opens nothing: a
 * store that is damaged or busy is no reason not to record.
 * @throws Error if the directory can't be made, or if something in it is no file, or another user's
 */
export function checkPlace(dataDir: string): void {
  const { R_OK, W_OK, X_OK } = constants;
  const recorders = join(dataDir, RECORDERS_DIRECTORY);
  ensureDirectory(recorders);
  const entries = readdirSync(dataDir);
  checkKinds(dataDir, entries);
  accessSync(recorders, R_OK | W_OK | X_OK);
  if (entries.includes(DATABASE_FILE)) accessSync(join(dataDir, DATABASE_FILE), R_OK | W_OK);
  else accessSync(dataDir, W_OK | X_OK);
}

/** SQLite and Node say only that they cannot open it. @throws Error `ENOTDIR` or `EISDIR` */
function checkKinds(dataDir: string, entries: readonly string[]): void {
  for (const name of entries) {
    const isDirectory = name === RECORDERS_DIRECTORY;
    if (!isDirectory && name !== DATABASE_FILE) continue;
    const path = join(dataDir, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found || found.isDirectory() === isDirectory) continue;
    const code = isDirectory ? 'ENOTDIR' : 'EISDIR';
    throw Object.assign(new Error(`${code}: ${path}`), { code, path });
  }
}

function isOwn(name: string): boolean {
  return OWN_NAMES.some((own) =>
    own.endsWith('*') ? name.startsWith(own.slice(0, -1)) : name === own.replace(/\/$/, ''),
  );
}

function hideFromGit(dataDir: string, isAlone: boolean): void {
  const hidden = isAlone ? ['*'] : [...OWN_NAMES, '.gitignore'].map((name) => `/${name}`);
  try {
    writeFileSync(join(dataDir, '.gitignore'), `${hidden.join('\n')}\n`, { flag: 'wx', mode: 0o600 });
  } catch {
    // a full or read-only disk: recording, or saying why it is not possible, matters more
  }
}

/** Takes away what others may do. The files inside a directory that was open to others are restricted as well. */
function restrict(path: string, mode: number): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found || (found.mode & 0o077) === 0) return;
  try {
    chmodSync(path, mode);
  } catch {
    return; // it belongs to someone else, who decides; SQLite says if it cannot be used
  }
  if (!found.isDirectory() || !path.endsWith(RECORDERS_DIRECTORY)) return;
  for (const name of readdirSync(path)) restrict(join(path, name), 0o600);
}
