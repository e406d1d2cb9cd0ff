import { Command } from 'commander';
import { readStoredConfig } from '../config-file.js';
import { readConfig } from '../config.js';
import { messageOf } from '../errors.js';
import { configuredPrune } from '../prune-rule.js';
import { ConnectLock } from '../store/connect-lock.js';
import { readConnectionRecord } from '../store/connection-record.js';
import type { Store } from '../store/open.js';
import { spaceOf } from '../store/space.js';
import { SELECT_STATUS } from '../store/sql.js';
import { standings } from '../store/standing.js';
import { describeStatus } from './describe-status.js';
import { jsonLine, print } from './print.js';
import type { Counts, Status } from './status-report.js';
import { withStore } from './with-store.js';

export function statusCommand(): Command {
  return new Command('status')
    .description('Show what this machine has recorded, what the hive has of it, and whether they are connected.')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) =>
      withStore((store) => {
        const status = statusOf(store);
        return print(options.json ? [jsonLine(status)] : describeStatus(status));
      }),
    );
}

function statusOf(store: Store): Status {
  const config = readConfig();
  const warnings = [...config.warnings];
  if (config.apiKey === undefined) {
    warnings.push('this node has not joined a hive, and NODE_API_KEY is not set: see `node-agent join --help`');
  }
  const space = spaceOf(store);
  return {
    machine_id: store.machineId(),
    name: config.name,
    data_dir: config.dataDir,
    hive_url: config.hiveUrl,
    ...store.one<Counts>(SELECT_STATUS),
    standings: standings(store),
    sizes: {
      database_bytes: space.database,
      reusable_bytes: space.reusable,
      spool_bytes: space.spools,
      set_aside: space.setAside,
      disk_free_bytes: space.diskFree ?? null,
    },
    connect: connectOf(store.dataDir),
    automatic_prune: automaticPrune(warnings),
    warnings,
  };
}

function connectOf(dataDir: string): Status['connect'] {
  const running = ConnectLock.isHeld(dataDir);
  const record = readConnectionRecord(dataDir);
  return {
    running,
    pid: record?.pid ?? null,
    hive_url: record?.hive_url ?? null,
    started_at: record?.started_at ?? null,
    stopped_at: running ? null : (record?.stopped_at ?? null),
    connected_since: running ? (record?.connected_since ?? null) : null,
    last_connected_at: record?.last_connected_at ?? null,
    last_error: record?.last_error ?? null,
    last_prune: record?.last_prune ?? null,
  };
}

function automaticPrune(warnings: string[]): Status['automatic_prune'] {
  try {
    const rule = configuredPrune(readStoredConfig().prune);
    return rule ? { older_than_days: rule.olderThanDays, max_size_bytes: rule.maxBytes } : null;
  } catch (error) {
    warnings.push(messageOf(error));
    return null;
  }
}
