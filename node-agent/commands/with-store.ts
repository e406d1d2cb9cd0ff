import { readConfig } from '../config.js';
import { openStore, type Store } from '../store/open.js';

/** Runs a command on the store of NODE_DATA_DIR and closes it afterwards. */
export async function withStore(work: (store: Store) => void | Promise<void>): Promise<void> {
  const store = openStore(readConfig().dataDir);
  try {
    await work(store);
  } finally {
    store.close();
  }
}
