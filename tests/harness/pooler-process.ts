/** Owns the PgBouncer of a {@link Pooler}. Its files are in a directory of their own, which is removed at the end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { passage, postgresUser } from '../../workers/embedded/postgres-user.js';
import { createLogger } from '../../workers/logger.js';
import { serveOrders } from './helper-process.js';
import type { PoolerOptions } from './pooler.js';
import { until } from './until.js';

const { program, serverUrl, mode, poolSize } = JSON.parse(process.argv[2] ?? '') as PoolerOptions;
const folder = await mkdtemp(join(tmpdir(), 'pooler-')); // a socket's path may have 107 characters
const [settings, log] = [join(folder, 'pgbouncer.ini'), join(folder, 'log')];
const socket = join(folder, '.s.PGSQL.5432');
let child: ChildProcess | undefined;

serveOrders(
  {
    async start(): Promise<string> {
      await writeFile(settings, settingsText());
      // like PostgreSQL, it does not run as root
      const user = await postgresUser(createLogger({ logLevel: 'warn', instanceId: 'pooler' }));
      if (user) await Promise.all([folder, settings].map((path) => chown(path, user.uid, user.gid)));
      const prefix = user ? await passage(folder, [folder, dirname(program.executable)], user) : [];
      const [command, ...args] = [...prefix, program.executable, settings];
      child = spawn(command, args, {
        stdio: 'ignore',
        env: { ...process.env, ...(program.libraries !== undefined && { LD_LIBRARY_PATH: program.libraries }) },
        ...(user && prefix.length === 0 && user),
      });
      await until(() => existsSync(socket), 60_000, 'PgBouncer accepts connections').catch(async (error: unknown) => {
        throw new Error(`PgBouncer did not start: ${await readFile(log, 'utf8').catch(() => '')}`, { cause: error });
      });
      return folder;
    },
  },
  async () => {
    if (child?.exitCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGTERM'); // at once, whoever is connected
      await exit;
    }
    await rm(folder, { recursive: true, force: true });
  },
);

function settingsText(): string {
  const { hostname, port, username, password } = new URL(serverUrl);
  return `[databases]
* = host=${hostname} port=${port} user=${username} password=${password}
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = ${folder}
logfile = ${log}
auth_type = any
pool_mode = ${mode}
default_pool_size = ${poolSize}
max_client_conn = 1000
server_login_retry = 1
`;
}
