// The servers of one test run: a PostgreSQL with a migrated template database, and a Temporal. Runs what
// `npm run build` made, as a child of Jest (global-setup.ts), and stops everything when the channel to its parent closes,
// however the parent ended.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../../dist/workers/embedded/index.js';
import { createLogger } from '../../dist/workers/logger.js';
import { applyMigrations } from '../../dist/workers/migrate.js';

const TEMPLATE = 'hivesync_template';
const dataDir = mkdtempSync(join(tmpdir(), 'hivesync-test-'));
const logger = createLogger({ logLevel: process.env.HIVESYNC_TEST_LOG_LEVEL ?? 'warn', instanceId: 'test-services' });

// Ctrl-C reaches the whole group; Jest ends by it and closes the channel
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
const parentGone = new Promise((resolve) => process.once('disconnect', resolve));

let exitCode = 0;
let embedded;
try {
  // the files live as long as the run: no need to wait for the disk
  const postgresSettings = { fsync: 'off', max_connections: '300' };
  embedded = await startEmbedded({ dataDir, postgres: true, temporal: true, postgresSettings }, logger);
  const databaseUrl = new URL(embedded.databaseUrl);
  databaseUrl.pathname = `/${TEMPLATE}`;
  await applyMigrations(databaseUrl.href, logger);
  // a template that someone is connected to can't be copied
  databaseUrl.pathname = '/postgres';
  tell({
    databaseUrl: databaseUrl.href,
    template: TEMPLATE,
    temporalAddress: embedded.temporalAddress,
    temporalUiUrl: embedded.temporalUiUrl,
  });
  await parentGone;
} catch (error) {
  tell({ error: error.message });
  exitCode = 1;
} finally {
  await embedded?.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
process.exit(exitCode);

function tell(message) {
  if (process.connected) process.send(message, () => undefined);
}
