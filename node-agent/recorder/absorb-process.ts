/** `absorb-process DATA_DIRECTORY EXECUTION_ID`: absorbs what a recorder has left; started by absorb-entries.ts. */
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isBusy } from '../errors.js';
import { openStore } from '../store/open.js';
import { endOrphan } from '../store/orphans.js';
import { RECORDING_CACHE_KIB } from './open-for-recording.js';
import { spoolBytes } from './spool-files.js';

const NICENESS = 10;
const RETRY_MS = 200;
/** Then it is left to whoever opens the store next. */
const TRY_MS = 300_000;

process.chdir('/'); // so that it keeps no file system in use
const [dataDir = '', executionId = ''] = process.argv.slice(2);
try {
  setPriority(NICENESS);
} catch {
  // it then has the priority of what started it
}
void absorb(performance.now() + TRY_MS);

async function absorb(until: number): Promise<void> {
  try {
    // nobody reads what it says
    const store = openStore(dataDir, { say: () => undefined, cacheKib: RECORDING_CACHE_KIB });
    try {
      endOrphan(store, executionId, Infinity);
    } finally {
      store.close();
    }
  } catch (error) {
    // the spool is whole: who opens the store next tries again, and says what is wrong
    if (!isBusy(error)) return;
  }
  // the recorder that has started this process may still have its lock
  if (spoolBytes(dataDir, executionId) === 0 || performance.now() > until) return;
  await sleep(RETRY_MS);
  await absorb(until);
}
