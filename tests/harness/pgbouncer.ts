/** Finds PgBouncer: installed, or fetched from the Debian or Ubuntu archive into the user's cache, without root. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PgBouncer {
  executable: string;
  /** Where its shared libraries are, if not in the system. */
  libraries?: string;
}

const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hivesync', 'pgbouncer');
const FETCH_MS = 120_000;
/** Of its dependencies, the ones that a system may well lack. */
const LIBRARIES = /^\|?Depends: (lib(?:event|c-ares|cares)\S*)$/;

/** @returns where PgBouncer is; a text that says why there is none */
export async function findPgBouncer(): Promise<PgBouncer | string> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const executable = folders.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path));
  if (executable !== undefined) return { executable };
  if (process.platform !== 'linux') return 'pgbouncer is not on PATH';
  try {
    if (!existsSync(CACHE)) await fetchIntoCache();
    return { executable: join(CACHE, 'usr', 'sbin', 'pgbouncer'), libraries: await librariesIn(CACHE) };
  } catch (error) {
    return `pgbouncer is not on PATH, and could not be fetched: ${String(error).split('\n').slice(0, 2).join(' ')}`;
  }
}

async function fetchIntoCache(): Promise<void> {
  const { stdout } = await run('apt-cache', ['depends', 'pgbouncer']);
  const libraries = stdout.split('\n').flatMap((line) => LIBRARIES.exec(line.trim())?.[1] ?? []);
  await mkdir(join(CACHE, '..'), { recursive: true });
  const draft = await mkdtemp(`${CACHE}-`);
  try {
    await run('apt-get', ['download', 'pgbouncer', ...libraries], { cwd: draft, timeout: FETCH_MS });
    for (const file of await readdir(draft)) await run('dpkg', ['-x', join(draft, file), join(draft, 'root')]);
    await rename(join(draft, 'root'), CACHE).catch((error: unknown) => {
      if (!existsSync(CACHE)) throw error; // otherwise the test file beside this one was faster
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function librariesIn(root: string): Promise<string> {
  const files = await readdir(join(root, 'usr', 'lib'), { recursive: true });
  const library = files.find((file) => file.includes('.so'));
  return join(root, 'usr', 'lib', library?.split('/').slice(0, -1).join('/') ?? '');
}
