// Owns the servers of one test run: a PostgreSQL with a migrated template database, and a Temporal. Runs what
// `npm run build` made, as a child of Jest (global-setup.ts). Stops everything when the channel to its parent closes,
// however the parent ended.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveOrders } from '../../dist/tests/harness/helper-process.js';
import { startEmbedded } from '../../dist/workers/embedded/index.js';
import { createLogger } from '../../dist/workers/logger.js';
import { applyMigrations } from '../../dist/workers/migrate.js';

const TEMPLATE = 'hivesync_template';
const dataDir = mkdtempSync(join(tmpdir(), 'hivesync-test-'));
const logger = createLogger({ logLevel: process.env.HIVESYNC_TEST_LOG_LEVEL ?? 'warn', instanceId: 'test-services' });
let embedded;

serveOrders(
  {
    async start() {
      // the files live only as long as the run: there is no need to wait for the disk
      const postgresSettings = { fsync: 'off', max_connections: '300' };
      embedded = await startEmbedded({ dataDir, postgres: true, temporal: true, postgresSettings }, logger);
      const databaseUrl = new URL(embedded.databaseUrl);
      databaseUrl.pathname = `/${TEMPLATE}`;
      await applyMigrations(databaseUrl.href, logger);
      // a template that someone is connected to can't be copied
      databaseUrl.pathname = '/postgres';
      return {
        databaseUrl: databaseUrl.href,
        template: TEMPLATE,
        temporalAddress: embedded.temporalAddress,
        temporalUiUrl: embedded.temporalUiUrl,
      };
    },
  },
  async () => {
    await embedded?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  },
);
