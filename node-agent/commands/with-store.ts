import { dataDirectory } from '../config.js';
import { counted } from '../counted.js';
import { isDamage, messageOf } from '../errors.js';
import { settleSpools } from '../recorder/settle-spools.js';
import { openStore, type Store } from '../store/open.js';
import { endOrphans } from '../store/orphans.js';
import { isStoreTrouble, storeTrouble } from '../store/store-trouble.js';

/** Opens the store, ends the executions whose recorder is gone, runs a command on it and closes it. */
export async function withStore(work: (store: Store) => void | Promise<void>): Promise<void> {
  const dataDir = dataDirectory(process.env, say);
  const store = openSound(dataDir);
  try {
    const stuck = await settleSpools(store, (count) => {
      say(`waiting until the output of ${counted(count, 'execution')} that ended is in the store`);
    });
    for (const id of stuck) say(`the output of execution ${id} is not whole in the store yet`);
    await work(store);
  } catch (error) {
    throw isStoreTrouble(error, dataDir) ? storeTrouble(error, dataDir) : error;
  } finally {
    store.close();
  }
}

function openSound(dataDir: string): Store {
  const store = openStore(dataDir);
  let damage: unknown;
  endOrphans(store, (executionId, error) => {
    if (isDamage(error)) damage = error;
    say(`cannot end execution ${executionId}: ${messageOf(error)}`);
  });
  if (damage === undefined) return store;
  try {
    store.setAside(damage);
  } finally {
    store.close();
  }
  return openStore(dataDir);
}

function say(sentence: string): void {
  process.stderr.write(`node-agent: ${sentence}\n`);
}
