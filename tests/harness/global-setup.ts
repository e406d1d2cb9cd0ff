import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

// Jest loads this file and global-teardown.ts by itself: they can't import by a relative path.
declare global {
  var hivesyncTestServices: ChildProcess | undefined;
}

interface Ready {
  databaseUrl: string;
  template: string;
  temporalAddress: string;
  temporalUiUrl: string;
}

/**
 * Starts the servers of the test run (services-process.mjs) and passes their addresses to the tests in the environment
 * (services.ts reads them). HIVESYNC_TEST_SERVICES=none leaves them out, for tests that need none.
 */
export default async function globalSetup(config: { rootDir: string }): Promise<void> {
  if (process.env['HIVESYNC_TEST_SERVICES'] === 'none') return;
  if (!existsSync(join(config.rootDir, 'dist', 'workers', 'embedded', 'index.js'))) {
    throw new Error('tests run servers from dist/: run "npm run build" first');
  }
  const child = fork(join(config.rootDir, 'tests', 'harness', 'services-process.mjs'), { execArgv: [] });
  globalThis.hivesyncTestServices = child;
  const ready = await start(child);
  process.env['HIVESYNC_TEST_DATABASE_URL'] = ready.databaseUrl;
  process.env['HIVESYNC_TEST_DATABASE_TEMPLATE'] = ready.template;
  process.env['HIVESYNC_TEST_TEMPORAL_ADDRESS'] = ready.temporalAddress;
  process.env['HIVESYNC_TEST_TEMPORAL_UI_URL'] = ready.temporalUiUrl;
  child.unref();
  child.channel?.unref();
}

/** Orders `start` as HelperProcess would. */
function start(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the test servers ended while starting (exit code ${code ?? '?'})`)));
    child.once('message', ({ result, error }: { result?: Ready; error?: string }) => {
      if (result) {
        resolve(result);
        return;
      }
      child.disconnect();
      reject(new Error(`the test servers did not start: ${error ?? 'no reason given'}`));
    });
    child.send({ id: 1, name: 'start' });
  });
}
