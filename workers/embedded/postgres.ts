import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Logger } from '../logger.js';
import type { DataDir } from './data-dir.js';
import { EmbeddedError, messageOf, systemCode } from './errors.js';
import { postgresBinaries } from './postgres-binaries.js';
import { passage, postgresUser, type OsUser } from './postgres-user.js';
import { serverLogPath } from './server-log.js';
import { supervise, type SupervisedServer } from './supervised-server.js';

const run = promisify(execFile);
const OWNER = 'hive';
const DATABASE = 'hive';

export interface EmbeddedPostgres extends SupervisedServer {
  /** Address of the database `hive`, with its password. */
  readonly url: string;
}

/**
 * Starts PostgreSQL on 127.0.0.1 with its files in `<dataDir>/postgres`. The first time, it creates the cluster and the
 * database `hive`.
 * @param settings server settings, name to value
 * @throws {EmbeddedError}
 */
export async function startPostgres(
  dataDir: DataDir,
  port: number,
  settings: Readonly<Record<string, string>>,
  logger: Logger,
): Promise<EmbeddedPostgres> {
  const binaries = postgresBinaries();
  const cluster = join(dataDir.path, 'postgres');
  const user = await postgresUser(logger);
  const prefix = user ? await passage(dataDir.path, [dataDir.path, binaries.folder], user) : [];
  // setpriv changes the user itself and needs root's privileges for that
  const spawnAs = prefix.length > 0 ? undefined : user;
  const env = serverEnvironment();
  const command = (executable: string, args: readonly string[]) => {
    const [first = executable, ...rest] = [...prefix, executable, ...args];
    return { executable: first, args: rest, env, ...(spawnAs && { user: spawnAs }) };
  };
  const password = await readPassword(dataDir.path, existsSync(cluster));
  if (!existsSync(cluster)) {
    await makeCluster(cluster, password, user, (args) => {
      const { executable, args: all } = command(binaries.initdb, args);
      return run(executable, all, { env, cwd: '/', ...spawnAs });
    });
  }
  requireSameMajor(cluster, await majorOf(binaries.postgres));
  await dropStalePidFile(cluster);

  const address = { host: '127.0.0.1', port, user: OWNER, password };
  const given = { listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: '200', ...settings };
  const flags = Object.entries(given).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = await supervise(
    {
      ...command(binaries.postgres, ['-D', cluster, '-p', String(port), ...flags]),
      kind: 'postgres',
      port,
      logPath: serverLogPath(dataDir.path, 'postgres'),
      // recovery after a crash reads the log since the last checkpoint
      readyTimeoutMs: 120_000,
      waitUntilReady: (signal) => answersQueries({ ...address, database: 'postgres' }, signal),
    },
    dataDir,
    logger,
  );
  try {
    await createDatabase({ ...address, database: 'postgres' });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url: `postgresql://${OWNER}:${password}@127.0.0.1:${port}/${DATABASE}`, stop: () => server.stop() };
}

function serverEnvironment(): NodeJS.ProcessEnv {
  // PGDATA, PGPORT and the like are meant for another server
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', LANG: 'C', TZ: 'UTC' };
}

async function readPassword(dataDir: string, clusterExists: boolean): Promise<string> {
  const file = join(dataDir, 'postgres-password');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    if (clusterExists) {
      throw new EmbeddedError(
        'data_dir_unusable',
        `${file} is missing, and without it the database in ${dataDir} can't be opened; restore it, or remove ${dataDir} to start with an empty database`,
      );
    }
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(file, password, { mode: 0o600 });
  return password;
}

/**
 * Creates the cluster beside its final place and moves it there when it is whole, so that an unfinished one is never
 * used.
 */
async function makeCluster(
  cluster: string,
  password: string,
  user: OsUser | undefined,
  initdb: (args: readonly string[]) => Promise<unknown>,
): Promise<void> {
  const draft = `${cluster}.draft`;
  const passwordFile = `${cluster}.password`;
  await rm(draft, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (user) await Promise.all([draft, passwordFile].map((path) => chown(path, user.uid, user.gid)));
    await initdb([
      `--pgdata=${draft}`,
      `--username=${OWNER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ]);
    await rename(draft, cluster);
  } catch (error) {
    const output = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr).trim() : '';
    if (output.includes(UNKNOWN_USER)) throw userHasNoName(error);
    const why = output === '' ? messageOf(error) : output.split('\n').slice(-3).join(' | ');
    throw new EmbeddedError('start_failed', `PostgreSQL's files could not be created in ${cluster}: ${why}`, {
      cause: error,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** What initdb says if /etc/passwd has no entry for the uid, as with `docker run --user 12345`. */
const UNKNOWN_USER = 'could not look up effective user ID';

function userHasNoName(cause: unknown): EmbeddedError {
  const [uid, gid] = [process.getuid?.() ?? '', process.getgid?.() ?? ''];
  return new EmbeddedError(
    'postgres_user',
    `PostgreSQL needs a name for the user that the hive runs as, and the system has none for uid ${uid}; ` +
      `add one (echo "hive:x:${uid}:${gid}::/tmp:/bin/false" >> /etc/passwd), or set DATABASE_URL`,
    { cause },
  );
}

/** @returns PostgreSQL's major version: 18 */
async function majorOf(postgres: string): Promise<number> {
  const { stdout } = await run(postgres, ['--version']);
  return Number(/\d+/.exec(stdout)?.[0]);
}

/** The files of one major version can't be read by another. */
function requireSameMajor(cluster: string, ours: number): void {
  const theirs = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim();
  if (theirs === String(ours)) return;
  throw new EmbeddedError(
    'other_postgres',
    `${cluster} is of PostgreSQL ${theirs}, and this version of hivesync has PostgreSQL ${ours}: run ` +
      '`hive backup FILE` with the version of hivesync that you had before, then `hive restore --replace FILE` with this one',
  );
}

/**
 * If another program has the pid in the pid file by now (as after a container's restart), PostgreSQL would not start.
 */
async function dropStalePidFile(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = readFileSync(file, 'utf8').split('\n')[0]?.trim() ?? '';
  const command = await run('ps', ['-o', 'comm=', '-p', pid]).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
  if (!command.includes('postgres')) rmSync(file, { force: true });
}

async function answersQueries(config: pg.ClientConfig, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await withClient({ ...config, connectionTimeoutMillis: 2000 }, (client) => client.query('SELECT 1'));
      return;
    } catch (error) {
      // 28P01: the server runs but refuses the password; waiting does not help
      if (systemCode(error) === '28P01') throw error;
      await sleep(30, undefined, { signal });
    }
  }
}

async function createDatabase(config: pg.ClientConfig): Promise<void> {
  await withClient(config, async (client) => {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  });
}

async function withClient(config: pg.ClientConfig, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(config);
  // an idle connection that breaks; the next query reports it
  client.on('error', () => undefined);
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end();
  }
}
