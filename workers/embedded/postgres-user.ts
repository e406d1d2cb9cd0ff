import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '../logger.js';
import { EmbeddedError, systemCode } from './errors.js';

const run = promisify(execFile);

export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds the user to run PostgreSQL as. PostgreSQL refuses to run as root; for a hive that runs as root it is the system
 * user `postgres`, created if needed.
 * @returns the user; undefined if the hive itself is not root, so that PostgreSQL can run as the same user
 * @throws {EmbeddedError} postgres_user
 */
export async function postgresUser(logger: Logger): Promise<OsUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const found = await lookUp();
  if (found) return found;
  logger.info('creating the system user "postgres": PostgreSQL does not run as root');
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', 'postgres']);
  } catch (error) {
    throw noUser('it could not be created', error);
  }
  const created = await lookUp();
  if (!created) throw noUser('it does not exist after its creation');
  return created;
}

async function lookUp(): Promise<OsUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (error) {
    if (systemCode(error) === '1') return undefined;
    throw noUser('its ids could not be looked up', error);
  }
}

function noUser(why: string, cause?: unknown): EmbeddedError {
  return new EmbeddedError(
    'postgres_user',
    `PostgreSQL does not run as root and needs the system user "postgres", but ${why}; ` +
      'create it, start the hive as another user, or set DATABASE_URL',
    { cause },
  );
}

/**
 * Makes sure that the user can reach the paths. Opens the data directory for passing through. If a folder above it is
 * closed (as /root often is), the server keeps the one privilege that lets it pass.
 * @returns what to put before the server's command line
 * @throws {EmbeddedError} postgres_user
 */
export async function passage(dataDir: string, paths: readonly string[], user: OsUser): Promise<string[]> {
  const mode = (await stat(dataDir)).mode & 0o7777;
  if ((mode & 0o001) === 0) await chmod(dataDir, mode | 0o001);
  const closed = (await Promise.all(paths.map((path) => firstClosed(path, user)))).find((folder) => folder);
  if (closed === undefined) return [];
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
  if (setpriv === undefined) {
    throw new EmbeddedError(
      'postgres_user',
      `PostgreSQL does not run as root, and its user "postgres" can't pass through ${closed}; ` +
        `chmod o+x ${closed}, install util-linux (setpriv), set HIVE_DATA_DIR elsewhere, or set DATABASE_URL`,
    );
  }
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  return [setpriv, ...ids, '--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override', '--'];
}

async function firstClosed(path: string, user: OsUser): Promise<string | undefined> {
  const above = dirname(path);
  const closedAbove = above === path ? undefined : await firstClosed(above, user);
  if (closedAbove !== undefined) return closedAbove;
  const { mode, uid, gid } = await stat(path);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return (mode & bit) === 0 ? path : undefined;
}
