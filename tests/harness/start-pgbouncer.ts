/** PgBouncer in front of a database, as the machine's package has it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { postgresUser } from '../../workers/embedded/postgres-user.js';
import { listen } from './listen.js';
import { until } from './until.js';

/** Where Debian's package has it. */
const EXECUTABLE = '/usr/sbin/pgbouncer';

export interface PgBouncer {
  /** The database's address behind it. */
  url: string;
  stop(): Promise<void>;
}

/** Starts it in front of the database of a URL. It does not run as root, but as PostgreSQL's user. */
export async function startPgBouncer(databaseUrl: string, mode: 'transaction' | 'session'): Promise<PgBouncer> {
  const server = new URL(databaseUrl);
  const directory = await mkdtemp(join(tmpdir(), 'hivesync-pgbouncer-'));
  const port = await freePort();
  const config = join(directory, 'pgbouncer.ini');
  await writeFile(
    config,
    [
      '[databases]',
      `* = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'auth_type = any',
      'unix_socket_dir =',
      `pool_mode = ${mode}`,
      'default_pool_size = 5',
    ].join('\n'),
  );
  const user = await postgresUser(pino({ level: 'silent' }));
  if (user) await Promise.all([directory, config].map((path) => chown(path, user.uid, user.gid)));
  const child = spawn(EXECUTABLE, [config], { stdio: 'ignore', cwd: directory, ...user });
  const exit = once(child, 'exit');
  const url = new URL(databaseUrl);
  url.port = String(port);
  await until(() => answers(url.href), 10_000, 'PgBouncer answers');
  return {
    url: url.href,
    async stop() {
      child.kill('SIGKILL');
      await exit;
      await rm(directory, { recursive: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.end();
  return true;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = Number(new URL(await listen(server)).port);
  server.close();
  await once(server, 'close');
  return port;
}
