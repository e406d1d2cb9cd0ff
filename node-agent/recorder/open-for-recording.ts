import { isBusy, messageOf } from '../errors.js';
import { openStore, type Store } from '../store/open.js';
import { endOrphans } from '../store/orphans.js';

/** The longest that a write waits for another process before it is tried again later. Nothing else happens meanwhile. */
const BUSY_TIMEOUT_MS = 20;
/** Absorbing appends, and reads hardly anything. */
export const RECORDING_CACHE_KIB = 4000;

/** Opens the store, and ends the executions whose recorder is gone. @throws NodeAgentError `store` */
export function openForRecording(dataDir: string, warn: (sentence: string) => void): Store {
  const store = openStore(dataDir, { busyTimeoutMs: BUSY_TIMEOUT_MS, say: warn, cacheKib: RECORDING_CACHE_KIB });
  // what others left behind must not keep this command from being recorded
  endOrphans(store, (executionId, error) => {
    if (!isBusy(error)) warn(`cannot end execution ${executionId}, whose recorder is gone: ${messageOf(error)}`);
  });
  return store;
}
