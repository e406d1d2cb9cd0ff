/**
 * Owns a benchmark's PostgreSQL and Temporal, as the embedded ones of a hive are, in the directory of its first argument.
 * Stops them and removes the directory when the channel to its parent closes, however the parent ended.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbedded, type Embedded } from '../../workers/embedded/index.js';
import { createLogger } from '../../workers/logger.js';
import { serveOrders } from '../../tests/harness/helper-process.js';

const directory = process.argv[2] ?? '';
const logger = createLogger({ logLevel: 'error', instanceId: 'bench-servers' });
let embedded: Embedded | undefined;

serveOrders(
  {
    async start() {
      embedded = await startEmbedded({ dataDir: join(directory, 'servers'), postgres: true, temporal: true }, logger);
      const { databaseUrl, temporalAddress } = embedded;
      return { databaseUrl, temporalAddress };
    },
  },
  async () => {
    await embedded?.stop();
    rmSync(directory, { recursive: true, force: true });
  },
);
