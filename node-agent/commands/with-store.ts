import { readConfig } from '../config.js';
import { counted } from '../counted.js';
import { messageOf } from '../errors.js';
import { settleSpools } from '../recorder/settle-spools.js';
import { openStore, type Store } from '../store/open.js';
import { endOrphans } from '../store/orphans.js';

/** Opens the store, ends the executions whose recorder is gone, runs a command on it and closes it. */
export async function withStore(work: (store: Store) => void | Promise<void>): Promise<void> {
  const store = openStore(readConfig().dataDir);
  try {
    endOrphans(store, (executionId, error) => {
      process.stderr.write(`node-agent: cannot end execution ${executionId}: ${messageOf(error)}\n`);
    });
    const stuck = await settleSpools(store, (count) => {
      process.stderr.write(`node-agent: waiting until ${counted(count, 'execution')} that ended is in the store\n`);
    });
    for (const id of stuck) process.stderr.write(`node-agent: the output of execution ${id} is not whole yet\n`);
    await work(store);
  } finally {
    store.close();
  }
}
