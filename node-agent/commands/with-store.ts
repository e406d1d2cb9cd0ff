import { readConfig } from '../config.js';
import { openStore, type Store } from '../store/open.js';

/** Opens the store in NODE_DATA_DIR, runs a command on it and closes it. */
export async function withStore(work: (store: Store) => void | Promise<void>): Promise<void> {
  const store = openStore(readConfig().dataDir);
  try {
    await work(store);
  } finally {
    store.close();
  }
}
