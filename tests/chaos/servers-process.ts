/**
 * Owns the servers of one seed: a PostgreSQL and a Temporal, each in a data directory of its own, started, stopped and
 * killed on the parent's word. When the channel to the parent closes, however it ended, it stops them and removes the
 * directory (first argument), unless it was told to keep it.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbedded, type Embedded } from '../../workers/embedded/index.js';
import { createLogger } from '../../workers/logger.js';
import { serveOrders } from '../harness/helper-process.js';
import type { ServerAddress, ServerName } from './servers.js';

const directory = process.argv[2] ?? '';
const logger = createLogger({ logLevel: 'warn', instanceId: 'chaos-servers' });
const running = new Map<ServerName, Embedded>();
let keepsDirectory = false;

serveOrders(
  {
    async start(server: ServerName): Promise<ServerAddress> {
      // what is killed here leaves its files to the operating system, which lives on: no need to wait for the disk
      const postgresSettings = { fsync: 'off', max_connections: '100' };
      const dataDir = join(directory, server);
      const which = { postgres: server === 'postgres', temporal: server === 'temporal' };
      const embedded = await startEmbedded({ dataDir, postgresSettings, ...which }, logger);
      running.set(server, embedded);
      const { databaseUrl, temporalAddress } = embedded;
      return { ...(databaseUrl && { databaseUrl }), ...(temporalAddress && { temporalAddress }) };
    },

    async stop(server: ServerName): Promise<void> {
      await running.get(server)?.stop();
      running.delete(server);
    },

    kill(server: ServerName): Promise<void> {
      process.kill(pidOf(server), 'SIGKILL'); // its supervisor starts it again
      return Promise.resolve();
    },

    keepDirectory(): Promise<void> {
      keepsDirectory = true;
      return Promise.resolve();
    },
  },
  async () => {
    await Promise.allSettled([...running.values()].map((embedded) => embedded.stop()));
    if (!keepsDirectory) rmSync(directory, { recursive: true, force: true });
  },
);

/** As the data directory's lock knows it. */
function pidOf(server: ServerName): number {
  const folder = join(directory, server, 'lock');
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
    const { note } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { note: { pid: number }[] | null };
    const [child] = note ?? [];
    if (child) return child.pid;
  }
  throw new Error(`${server} does not run`);
}
