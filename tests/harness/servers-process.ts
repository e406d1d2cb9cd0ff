/**
 * Owns the servers of {@link Servers}: a PostgreSQL and a Temporal, each in a data directory of its own below the first
 * argument. When the channel to the parent closes, however the parent ended, it stops them and removes the directory,
 * unless it was told to keep it.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbedded, type Embedded } from '../../workers/embedded/index.js';
import { createLogger } from '../../workers/logger.js';
import { serveOrders } from './helper-process.js';
import type { ServerAddress, ServerName } from './servers.js';

const [, , directory = '', postgresSettings = '{}'] = process.argv;
const logger = createLogger({ logLevel: 'warn', instanceId: 'servers' });
const running = new Map<ServerName, Embedded>();
let keepsDirectory = false;

serveOrders(
  {
    async start(server: ServerName): Promise<ServerAddress> {
      const embedded = await startEmbedded(
        {
          dataDir: join(directory, server),
          postgres: server === 'postgres',
          temporal: server === 'temporal',
          postgresSettings: JSON.parse(postgresSettings) as Record<string, string>,
        },
        logger,
      );
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

    forgetTemporal(): Promise<void> {
      const folder = join(directory, 'temporal');
      for (const name of readdirSync(folder)) if (name.startsWith('temporal.db')) rmSync(join(folder, name));
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

/** From the lock of the server's data directory. */
function pidOf(server: ServerName): number {
  const folder = join(directory, server, 'lock');
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
    const { note } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { note: { pid: number }[] | null };
    const [child] = note ?? [];
    if (child) return child.pid;
  }
  throw new Error(`${server} is not running`);
}
